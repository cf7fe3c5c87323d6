"""Today's table against the champion's profile, column by column.

The share of nulls is one more bin on both sides, beside the bins or categories of the profile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retrain_core.evidence import ColumnOutcome
from retrain_core.verdict.drift import has_drifted, psi
from retrain_trainer.check.reference import Column, Reference
from retrain_trainer.profile import present_values


@dataclass(frozen=True)
class Compared:
    """How a column stands to its profile."""

    name: str
    outcome: ColumnOutcome
    psi: float | None = None

    @property
    def is_judged(self) -> bool:
        """Whether it counts: a new column has nothing to be compared with, and one of ids or
        times never holds the same values again."""
        return self.outcome not in ("New", "Unique")

    def has_drifted(self, threshold: float) -> bool:
        return has_drifted(self.outcome, self.psi, threshold)


def compare(
    table: pd.DataFrame, reference: Reference, wanted: Callable[[str], bool]
) -> list[Compared]:
    """Every wanted column of either, in the order of the profile, then of the table."""
    # By position: names need not be texts, nor stand once.
    today = {str(name): place for place, name in enumerate(table.columns)}
    found = []
    for name, column in reference.columns.items():
        if not wanted(name):
            continue
        if name not in today:
            found.append(Compared(name, "Lost"))
        else:
            values = table.iloc[:, today[name]]
            found.append(_compared(name, values, column, reference.rows))
    new = (name for name in today if name not in reference.columns and wanted(name))
    return [*found, *(Compared(name, "New") for name in new)]


def in_order(columns: list[Compared], threshold: float) -> list[Compared]:
    """The drifted first, then by score; those without one last of their kind."""
    return sorted(
        columns,
        key=lambda one: (
            not one.has_drifted(threshold),
            not one.is_judged,
            one.psi is None,
            -(one.psi or 0.0),
            one.name,
        ),
    )


def _compared(name: str, values: "pd.Series[Any]", column: Column, rows: int) -> Compared:
    numeric, present = present_values(values)
    if column.is_null:
        # Its kind says nothing: only whether there are values still.
        filled = len(present) / len(values) if len(values) else 0.0
        return Compared(name, "Scored", psi([1.0, 0.0], [1 - filled, filled]))
    if _is_unique(column, rows):
        return Compared(name, "Unique")
    if present.empty:
        return Compared(name, "AllNull")
    if numeric != (column.kind == "numeric"):
        return Compared(name, "Retyped")
    score = psi(*_shares(column, present, 1 - len(present) / len(values)))
    constant = not column.is_constant and present.nunique() == 1
    return Compared(name, "Constant" if constant else "Scored", score)


def _is_unique(column: Column, rows: int) -> bool:
    """Whether no category of the training data stood twice."""
    if column.kind == "numeric":
        return False
    present = rows * (1 - column.nulls)
    return max(column.categories.values()) * present < 2 - 1e-6


def _shares(
    column: Column, present: "pd.Series[Any]", nulls: float
) -> tuple[list[float], list[float]]:
    """The shares of training and of today over the same bins, that of nulls last."""
    if column.kind == "categorical":
        expected = [*column.categories.values(), column.other]
        counts = present.value_counts()
        actual = [float(counts.get(name, 0)) / len(present) for name in column.categories]
        actual.append(max(0.0, 1 - sum(actual)))
    elif len(column.edges) == 1:
        same = float((present == column.edges[0]).mean())
        expected, actual = [1.0, 0.0], [same, 1 - same]
    else:
        inner = column.edges[1:-1]
        # Bins are closed on the right, as in the profile.
        codes = np.searchsorted(inner, present.to_numpy(), side="left")
        counted = np.bincount(codes, minlength=len(inner) + 1)
        expected, actual = column.shares, [float(count) / len(present) for count in counted]
    return _with_nulls(expected, column.nulls), _with_nulls(actual, nulls)


def _with_nulls(shares: list[float], nulls: float) -> list[float]:
    return [*(share * (1 - nulls) for share in shares), nulls]
