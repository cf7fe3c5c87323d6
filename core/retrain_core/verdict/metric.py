"""Whether a metric has crossed its threshold."""

import math

from retrain_core.evidence import MetricEvidence
from retrain_core.spec.retrain_schedule import Metric
from retrain_core.verdict.finding import Cause, Finding, Verdict

GAVE_UP = "gave up"
"""Known of a trigger whose runs have failed too often: until the metric is good again."""


def judge(seen: MetricEvidence, spec: Metric, known: str | None) -> Verdict:
    """A cause while the value is beyond the threshold.

    Raises:
        ValueError: the value is no finite number.
    """
    value = float(seen.value)
    if not math.isfinite(value):
        raise ValueError(f"{seen.value} is no evidence")
    if spec.above is not None:
        limit, side, crossed = spec.above, "above", value > spec.above
    else:
        assert spec.below is not None
        limit, side, crossed = spec.below, "below", value < spec.below
    shown = f"{value:g}"
    if not crossed:
        return Verdict(Finding.WITHIN_THRESHOLD, f"{value:g} is not {side} {limit:g}", shown, None)
    evidence = f"{value:g} is {side} {limit:g}"
    if known == GAVE_UP:
        message = f"{evidence}; too many runs have failed: none starts until it is good again"
        return Verdict(Finding.GAVE_UP, message, shown, known)
    return Verdict(Finding.THRESHOLD_CROSSED, evidence, shown, known, (Cause(evidence),))
