"""Who may act, by client-go's rules for a Lease: what to write into it, if one may.

The clocks of two machines are never compared. Another's lease has run out when this process has
seen it unchanged for as long as its holder asked for, by this process's own monotonic clock.
"""

from dataclasses import dataclass
from datetime import datetime

from retrain_operator.kube.objects import Object

LEASE_SECONDS = 15
RENEW_SECONDS = 10.0
"""A holder that could not renew it for so long gives up, before anybody else may take it."""
RETRY_SECONDS = 2.0


@dataclass(frozen=True)
class Seen:
    """The spec of a Lease, and when it was first read so, in seconds of our monotonic clock."""

    spec: Object
    since: float

    @property
    def holder(self) -> str:
        """Empty: nobody holds it."""
        return self.spec.get("holderIdentity") or ""

    @property
    def runs_out(self) -> float:
        """When, by our clock, anybody may take it."""
        if not self.holder:
            return self.since
        return self.since + (self.spec.get("leaseDurationSeconds") or LEASE_SECONDS)


def read(before: Seen | None, spec: Object, now: float) -> Seen:
    """What is known once ``spec`` has been read at ``now``."""
    return before if before is not None and before.spec == spec else Seen(spec, now)


def claim(lease: Seen | None, me: str, now: float, time: datetime) -> Object | None:
    """The spec with which ``me`` holds the lease from now on; None: somebody else may hold it.

    ``lease``: None where there is none. ``now`` is of our monotonic clock, ``time`` is for people.
    """
    mine = lease is not None and lease.holder == me
    if lease is not None and not mine and now < lease.runs_out:
        return None
    spec: Object = {} if lease is None else lease.spec
    transitions = int(spec.get("leaseTransitions") or 0)
    return {
        "holderIdentity": me,
        "leaseDurationSeconds": LEASE_SECONDS,
        "acquireTime": spec.get("acquireTime") if mine else _micro_time(time),
        "renewTime": _micro_time(time),
        "leaseTransitions": transitions + (lease is not None and not mine),
    }


def left(renewed: float, now: float) -> float:
    """Seconds that a write may take which is begun ``now``; 0: none may begin.

    ``renewed``: when the last renewal that went well was sent. What is begun within the renew
    deadline has to be over before anybody else may act.
    """
    held = now - renewed
    return LEASE_SECONDS - held if held < RENEW_SECONDS else 0.0


def released(time: datetime) -> Object:
    """What changes in the spec of a lease that is let go: the next one need not wait."""
    moment = _micro_time(time)
    return {
        "holderIdentity": "",
        "leaseDurationSeconds": 1,
        "acquireTime": moment,
        "renewTime": moment,
    }


def _micro_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
