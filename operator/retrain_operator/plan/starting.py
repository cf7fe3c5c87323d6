"""How long a pod may take until it runs. Both times count by our own clock: what the API says when
something began is of another machine's."""

from datetime import datetime, timedelta

from retrain_core.outcome import Reason
from retrain_operator.plan.pod_problems import (
    EVENTS_AGAIN_AT_LAST,
    pod_problem,
    pulls_again,
    start_awaited,
    to_be_put_right,
    train_is_next,
)
from retrain_operator.plan.status import final
from retrain_operator.plan.types import Plan, Situation

TO_PUT_RIGHT = timedelta(minutes=30)
"""For what no waiting ends; spec.startTimeoutSeconds may say more."""


def not_started_in_time(s: Situation) -> Plan | None:
    """The rule of spec.startTimeoutSeconds, whatever it is that is waited for."""
    left = _time_to_start(s)
    if left is None or left > timedelta(0):
        return None
    known = pod_problem(s.seen, s.now)
    reason = known.reason if known else Reason.START_DEADLINE_EXCEEDED
    seconds = s.spec.start_timeout_seconds
    message = f"the pod did not start within {seconds} s" + (f": {known.message}" if known else "")
    return Plan(status=final(s, reason, message), again=timedelta(0))


def not_put_right(s: Situation) -> Plan | None:
    """Room, a quota or a queue is waited for without end; what is missing or wrong is not."""
    left, known = _time_to_put_right(s), pod_problem(s.seen, s.now)
    if left is None or left > timedelta(0) or known is None or pulls_again(s.seen):
        return None
    minutes = _since(s.seen.hindered, s) // timedelta(minutes=1)
    message = f"the pod could not start for {minutes} minutes: {known.message}"
    return Plan(status=final(s, known.reason, message), again=timedelta(0))


def time_left(s: Situation) -> timedelta | None:
    """Until the first of both rules has something to say."""
    to_put_right = EVENTS_AGAIN_AT_LAST if pulls_again(s.seen) else _time_to_put_right(s)
    left = (_time_to_start(s), to_put_right)
    return min((each for each in left if each is not None), default=None)


def _time_to_start(s: Situation) -> timedelta | None:
    """What is left of spec.startTimeoutSeconds; None: it does not count (any more)."""
    seconds = None if s.problem else s.spec.start_timeout_seconds
    if seconds is None or start_awaited(s.seen) is None:
        return None
    pod = s.seen.newest_pod
    if pod is not None and train_is_next(pod) and pod_problem(s.seen, s.now) is None:
        return None
    return timedelta(seconds=seconds) - _since(s.seen.awaited, s)


def _time_to_put_right(s: Situation) -> timedelta | None:
    """What is left until the run gives up; None: nothing has to be put right."""
    if to_be_put_right(s.seen, s.now) is None:
        return None
    seconds = None if s.problem else s.spec.start_timeout_seconds
    return max(TO_PUT_RIGHT, timedelta(seconds=seconds or 0)) - _since(s.seen.hindered, s)


def _since(began: datetime | None, s: Situation) -> timedelta:
    return max(s.now - (began or s.now), timedelta(0))
