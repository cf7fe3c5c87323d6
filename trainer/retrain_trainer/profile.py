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


def read_table(path: Path, shown: str) -> pd.DataFrame:
    """The CSV or Parquet file at ``path``.

    Raises:
        RunFailed: InvalidSpec where it is not there or is neither.
    """
    if not path.is_file():
        raise RunFailed(Reason.INVALID_SPEC, f"spec.model.profile.path: there is no file {shown}")
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.model.profile.path: {shown} is neither CSV nor Parquet: {error}",
        ) from error


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


def _column(values: "pd.Series[Any]") -> dict[str, Any]:
    values = values.replace([float("inf"), float("-inf")], float("nan"))
    nulls = float(values.isna().mean()) if len(values) else 0.0
    present = values.dropna()
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    shape = _numeric(present) if numeric else _categorical(present)
    return {"kind": "numeric" if numeric else "categorical", "nulls": nulls, **shape}


def _numeric(present: "pd.Series[Any]") -> dict[str, Any]:
    if present.empty:
        return {"edges": [], "shares": []}
    numbers = present.astype(float)
    distinct = sorted(numbers.unique())
    if len(distinct) <= BINS:
        # A bin for each value: the quantiles of 0 and 1 would be the two ends of a single bin.
        inner = [(low + high) / 2 for low, high in pairwise(distinct)]
    else:
        steps = [number / BINS for number in range(1, BINS)]
        inner = list(numbers.quantile(steps))
    edges = sorted({float(edge) for edge in (distinct[0], *inner, distinct[-1])})
    inner = edges[1:-1]
    codes = pd.cut(numbers, [float("-inf"), *inner, float("inf")], labels=False)
    counts = codes.value_counts()
    shares = [float(counts.get(number, 0)) / len(present) for number in range(len(inner) + 1)]
    return {"edges": edges, "shares": shares}


def _categorical(present: "pd.Series[Any]") -> dict[str, Any]:
    counts = present.astype(str).value_counts()
    kept = counts.head(MAX_CATEGORIES)
    total = max(len(present), 1)
    return {
        "categories": {str(name): float(count) / total for name, count in kept.items()},
        "other": float(counts.iloc[MAX_CATEGORIES:].sum()) / total,
    }
