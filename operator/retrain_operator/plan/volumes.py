"""Why a pod does not get its volumes: what the scheduler and the kubelet say in words alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrain_core.outcome import Reason

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


@dataclass(frozen=True)
class NoVolume:
    reason: Reason
    said: str
    for_good: bool = False


def unscheduled(said: str) -> NoVolume | None:
    """What of the scheduler's ``said`` is about volumes; None: nothing, room is what lacks."""
    if _CLAIM_MISSING.search(said):
        return NoVolume(Reason.CONFIG_MISSING, said, for_good=True)
    if _UNBOUND.search(said):
        return NoVolume(Reason.VOLUME_UNAVAILABLE, said, for_good=True)
    return NoVolume(Reason.VOLUME_UNAVAILABLE, said) if _ELSEWHERE.search(said) else None


def not_mounted(messages: Sequence[str]) -> NoVolume | None:
    """What the messages of ``EVENTS``, newest first, come to.

    The kubelet says from time to time that it still waits, but not what for.
    """
    for said in messages:
        if _CONFIG_MISSING.search(said):
            return NoVolume(Reason.CONFIG_MISSING, said, for_good=True)
    told = [*(said for said in messages if _IN_USE in said), *messages]
    return NoVolume(Reason.VOLUME_UNAVAILABLE, told[0]) if told else None
