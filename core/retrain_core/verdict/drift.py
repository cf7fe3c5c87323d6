"""Whether today's data have drifted from those that the champion was trained on."""

import math
from collections.abc import Sequence

from retrain_core.evidence import ColumnOutcome, ColumnScore, DriftEvidence
from retrain_core.spec.retrain_schedule import Drift
from retrain_core.verdict.finding import Cause, Finding, Verdict

FLOOR = 1e-4
"""Share of an empty bin: its logarithm would be none."""
_DRIFTED: tuple[ColumnOutcome, ...] = ("Lost", "AllNull", "Retyped")
"""Outcomes that are a drift whatever the score."""
_SHOWN = 5


def psi(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Population stability index of two lists of shares over the same bins.

    Sum of (actual - expected) * ln(actual / expected), with shares of at least ``FLOOR``
    (Siddiqi, Credit Risk Scorecards, 2006).
    """
    return sum(
        (a - e) * math.log(a / e)
        for e, a in (
            (max(was, FLOOR), max(now, FLOOR)) for was, now in zip(expected, actual, strict=True)
        )
    )


def has_drifted(outcome: ColumnOutcome, score: float | None, threshold: float) -> bool:
    """Whether a column counts as drifted."""
    return outcome in _DRIFTED or (score is not None and score >= threshold)


def judge(seen: DriftEvidence, spec: Drift, known: str | None) -> Verdict:
    """A cause if enough of the columns have drifted.

    The same data against the same champion are one cause, however often they are looked at: a
    run that they have started has not brought a better model.
    """
    share = seen.drifted / seen.judged if seen.judged else 0.0
    listed = _listed(seen.scores, spec.threshold)
    shown = (
        f"{seen.drifted} of {seen.judged} columns have drifted from the data of version"
        f" {seen.champion}, {seen.rows} rows"
    )
    if seen.drifted == 0:
        return Verdict(
            Finding.NOT_DRIFTED, f"no column reaches {spec.threshold:g}{listed}", shown, known
        )
    if share < spec.min_share:
        message = f"share {share:.2g} of drifted columns is below {spec.min_share:g}{listed}"
        return Verdict(Finding.NOT_DRIFTED, message, shown, known)
    mark = f"{seen.champion} {seen.digest}"
    if mark == known:
        message = f"a run was started for the same data against version {seen.champion} already"
        return Verdict(Finding.ALREADY_TRAINED, message, shown, known)
    evidence = f"{shown}{listed}"
    return Verdict(Finding.DRIFTED, evidence, shown, known, (Cause(evidence, known=mark),))


def _listed(scores: Sequence[ColumnScore], threshold: float) -> str:
    if not scores:
        return ""
    columns = [f"{one.column} {one.psi or one.outcome}" for one in scores[:_SHOWN]]
    return f" (PSI from {threshold:g}: {', '.join(columns)})"
