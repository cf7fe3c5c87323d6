"""The profile of the training data that later drift is judged against.

Per column: bins at the quantiles with their shares, or the shares of the categories. No row of
the data is kept.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec.training_run import Profile

VERSION = 1
BINS = 10
MAX_CATEGORIES = 100


class NotATableError(Exception):
    """A file is neither CSV nor Parquet; the text says why."""


def table_at(path: Path) -> pd.DataFrame:
    """The CSV or Parquet file at ``path``.

    Raises:
        NotATableError: it is neither.
    """
    try:
        with open(path, "rb") as file:
            parquet = path.suffix == ".parquet" or file.read(4) == b"PAR1"
        return pd.read_parquet(path) if parquet else pd.read_csv(path)
    except (ValueError, OSError, NotImplementedError, ArithmeticError) as error:
        message = " ".join(str(error).split())[:200]
        raise NotATableError(f"it is neither CSV nor Parquet: {message}") from error


def read_table(path: Path, shown: str) -> pd.DataFrame:
    """The table that ``spec.model.profile.path`` names.

    Raises:
        RunFailed: InvalidSpec where it is not there or is neither CSV nor Parquet.
    """
    field = "spec.model.profile.path"
    if not path.is_file():
        message = f"{field}: there is no file {shown}"
        raise RunFailed(Reason.INVALID_SPEC, message, "Correct the field, or let a stage write it.")
    try:
        return table_at(path)
    except NotATableError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{field}: {shown}: {error}") from error


def profile(table: pd.DataFrame, spec: Profile) -> dict[str, Any]:
    """The profile of ``table``: rows, and for each column its kind, share of nulls and bins."""
    # By position: names need not be texts, nor stand once.
    columns = {
        str(name): _column(table.iloc[:, position])
        for position, name in enumerate(table.columns)
        if str(name) not in spec.exclude
    }
    return {"version": VERSION, "path": spec.path, "rows": len(table), "columns": columns}


def as_json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False)


def present_values(values: "pd.Series[Any]") -> "tuple[bool, pd.Series[Any]]":
    """Whether a column is numeric, and what it holds without nulls: numbers, else texts.

    Infinite numbers count as nulls.
    """
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    present = values.dropna()
    if not numeric:
        return False, present.astype(str)
    numbers = present.astype(float)
    return True, numbers[~numbers.isin([float("inf"), float("-inf")])]


def _column(values: "pd.Series[Any]") -> dict[str, Any]:
    numeric, present = present_values(values)
    nulls = 1 - len(present) / len(values) if len(values) else 0.0
    shape = _numeric(present) if numeric else _categorical(present)
    return {"kind": "numeric" if numeric else "categorical", "nulls": nulls, **shape}


def _numeric(numbers: "pd.Series[Any]") -> dict[str, Any]:
    if numbers.empty:
        return {"edges": [], "shares": []}
    distinct = sorted(numbers.unique())
    if len(distinct) <= BINS:
        # A bin for each value: the quantiles of 0 and 1 would be the two ends of a single bin.
        inner = [low / 2 + high / 2 for low, high in pairwise(distinct)]
    else:
        steps = [number / BINS for number in range(1, BINS)]
        # Where most values are the smallest or the largest one, that one has a bin all the same.
        low = distinct[0] / 2 + distinct[1] / 2
        high = distinct[-2] / 2 + distinct[-1] / 2
        inner = list(numbers.quantile(steps).clip(low, high))
    edges = sorted({float(edge) for edge in (distinct[0], *inner, distinct[-1])})
    inner = edges[1:-1]
    codes = pd.cut(numbers, [float("-inf"), *inner, float("inf")], labels=False)
    counts = codes.value_counts()
    shares = [float(counts.get(number, 0)) / len(numbers) for number in range(len(inner) + 1)]
    return {"edges": edges, "shares": shares}


def _categorical(present: "pd.Series[Any]") -> dict[str, Any]:
    counts = present.value_counts()
    kept = counts.head(MAX_CATEGORIES)
    total = max(len(present), 1)
    return {
        "categories": {str(name): float(count) / total for name, count in kept.items()},
        "other": float(counts.iloc[MAX_CATEGORIES:].sum()) / total,
    }
