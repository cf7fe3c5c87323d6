"""Whether a metric has crossed its threshold."""

import math

from retrain_core.evidence import MetricEvidence
from retrain_core.spec.retrain_schedule import Metric
from retrain_core.verdict.finding import Cause, Finding, Verdict

GAVE_UP = "gave up"
"""Known of a trigger whose runs have failed too often: until the metric is good again."""


def judge(seen: MetricEvidence, spec: Metric, known: str | None) -> Verdict:
    """A cause while the value is beyond the threshold; NaN is not."""
    value = float(seen.value)
    if spec.above is not None:
        limit, side, crossed = spec.above, "above", value > spec.above
    else:
        assert spec.below is not None
        limit, side, crossed = spec.below, "below", value < spec.below
    shown = f"{value:g}"
    if not crossed or not math.isfinite(value):
        return Verdict(Finding.WITHIN_THRESHOLD, f"{value:g} is not {side} {limit:g}", shown, None)
    evidence = f"{value:g} is {side} {limit:g}"
    causes = () if known == GAVE_UP else (Cause(evidence),)
    return Verdict(Finding.THRESHOLD_CROSSED, evidence, shown, known, causes)
