"""The verdict on any trigger that is no clock."""

from retrain_core.evidence import Evidence
from retrain_core.spec import Trigger
from retrain_core.verdict import data, drift, metric, release
from retrain_core.verdict.finding import Verdict


def judge(seen: Evidence, trigger: Trigger, known: str | None) -> Verdict | None:
    """What ``seen`` comes to for ``trigger``; None: it could not be looked at.

    Raises:
        ValueError: the evidence is of another kind than the trigger.
    """
    if seen.unseen is not None:
        return None
    if trigger.release is not None and seen.release is not None:
        return release.judge(seen.release, trigger.release, known)
    if trigger.data is not None and seen.data is not None:
        return data.judge(seen.data, trigger.data, known)
    if trigger.drift is not None and seen.drift is not None:
        return drift.judge(seen.drift, trigger.drift, known)
    if trigger.metric is not None and seen.metric is not None:
        return metric.judge(seen.metric, trigger.metric, known)
    raise ValueError(f"trigger {trigger.name} is of another kind than its evidence")
