"""The profile of the training data that later drift is judged against.

Per column: bins at the quantiles with their shares, or the shares of the categories. No row of
the data is kept.
"""

import json
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
    columns = [str(name) for name in table.columns if str(name) not in spec.exclude]
    return {
        "version": VERSION,
        "path": spec.path,
        "rows": len(table),
        "columns": {name: _column(table[name]) for name in columns},
    }


def as_json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False)


def _column(values: "pd.Series[Any]") -> dict[str, Any]:
    nulls = float(values.isna().mean()) if len(values) else 0.0
    present = values.dropna()
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    shape = _numeric(present) if numeric else _categorical(present)
    return {"kind": "numeric" if numeric else "categorical", "nulls": nulls, **shape}


def _numeric(present: "pd.Series[Any]") -> dict[str, Any]:
    if present.empty:
        return {"edges": [], "shares": []}
    steps = [number / BINS for number in range(BINS + 1)]
    edges = sorted({float(edge) for edge in present.astype(float).quantile(steps)})
    inner = edges[1:-1]
    codes = pd.cut(present.astype(float), [float("-inf"), *inner, float("inf")], labels=False)
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
