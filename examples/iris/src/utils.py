"""What the stages share: the shape of the data, its split, parameters, reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import yaml

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
TARGET = "species"

T = TypeVar("T")


def read_table(path: Path) -> pd.DataFrame:
    """The table in `path`; ends the stage if a column we need is not there."""
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise SystemExit(f"{path}: no such file") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise SystemExit(f"{path}: not a CSV table: {error}") from None
    missing = [name for name in [*FEATURES, TARGET] if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns))
        raise SystemExit(f"{path}: missing column {', '.join(missing)} (found: {found})")
    return table


def split(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows to train on and the held-out rows: the same in every stage."""
    from sklearn.model_selection import train_test_split  # prepare does without scikit-learn

    if table[TARGET].nunique() < 2:
        raise SystemExit(f"cannot train on {len(table)} rows of fewer than two species")
    try:
        train, test = train_test_split(
            table,
            test_size=param("split.test_size", float),
            random_state=param("split.seed", int),
            stratify=table[TARGET],
        )
    except ValueError as error:
        raise SystemExit(f"cannot split {len(table)} rows: {error}") from None
    return train, test


def param(key: str, kind: Callable[[Any], T], path: Path = Path("params.yaml")) -> T:
    """The parameter `key` (dotted), as a `kind`."""
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise SystemExit(f"{path}: no parameter {key}")
        value = value[part]
    try:
        # PyYAML reads 1e-05 as text, so the file's own type is not to be relied on.
        return kind(value)
    except (TypeError, ValueError):
        raise SystemExit(f"{path}: {key} is {value!r}, not a valid {kind.__name__}") from None


def write_json(path: Path, values: Mapping[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
