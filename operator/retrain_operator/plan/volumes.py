"""Why a pod does not get its volumes: what the scheduler and the kubelet say in words alone."""

import re
from collections.abc import Sequence

from retrain_core.outcome import Reason
from retrain_operator.plan.types import PodProblem

EVENTS = ("FailedMount", "FailedAttachVolume")
_CLAIM_MISSING = re.compile(r'persistentvolumeclaim "[^"]*" not found')
_UNBOUND = re.compile(
    r"unbound immediate PersistentVolumeClaims|bound to non-existent pv|"
    r'persistentvolumeclaim "[^"]*" (is being deleted|bound to non-existent)'
)
_ELSEWHERE = re.compile(
    r"didn't match PersistentVolume's node affinity|had volume node affinity conflict|"
    r"had no available volume zone|ReadWriteOncePod access mode already in-use"
)
_CONFIG_MISSING = re.compile(
    r'(secret|configmap) "[^"]*" not found|references non-existent (secret|config) key',
)
_IN_USE = "Multi-Attach error"


def unscheduled(message: str) -> PodProblem | None:
    """What of the scheduler's ``message`` is about volumes; None: nothing, room is what lacks."""
    if _CLAIM_MISSING.search(message):
        return _problem(Reason.CONFIG_MISSING, message, needs_action=True)
    if _UNBOUND.search(message):
        return _problem(Reason.VOLUME_UNAVAILABLE, message, needs_action=True)
    return _problem(Reason.VOLUME_UNAVAILABLE, message) if _ELSEWHERE.search(message) else None


def not_mounted(messages: Sequence[str]) -> PodProblem | None:
    """What the messages of ``EVENTS``, newest first, come to: the newest that names a cause counts.

    The kubelet says from time to time that it still waits, but not what for.
    """
    for message in messages:
        if _CONFIG_MISSING.search(message):
            return _problem(Reason.CONFIG_MISSING, message, needs_action=True)
        if _IN_USE in message:
            return _problem(Reason.VOLUME_UNAVAILABLE, message)
    return _problem(Reason.VOLUME_UNAVAILABLE, messages[0]) if messages else None


def _problem(reason: Reason, message: str, *, needs_action: bool = False) -> PodProblem:
    return PodProblem(reason, f"the pod waits: {message}", needs_action)
