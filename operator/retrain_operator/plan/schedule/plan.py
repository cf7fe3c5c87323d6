"""What to do next for a RetrainSchedule: every part has its say, in this order."""

from datetime import datetime, timedelta
from itertools import chain

from retrain_operator.kube import objects
from retrain_operator.plan.schedule.clocks import clocks, next_tick
from retrain_operator.plan.schedule.concurrency import replaced
from retrain_operator.plan.schedule.history import surplus
from retrain_operator.plan.schedule.records import records
from retrain_operator.plan.schedule.status import schedule_status
from retrain_operator.plan.schedule.types import SchedulePlan, Seen, Situation
from retrain_operator.plan.types import Settings

SOON = timedelta(seconds=2)
AGAIN = timedelta(seconds=60)
LATEST = timedelta(days=1)
A_MOMENT = timedelta(seconds=1)
"""After a tick, so that the one after it is the next."""


def plan_schedule(seen: Seen, settings: Settings, now: datetime) -> SchedulePlan:
    """What to do next for ``seen``; knows no client and no clock but ``now``."""
    if objects.being_deleted(seen.schedule):
        # Garbage collection takes all that it owns along.
        return SchedulePlan()
    s = Situation(seen, settings, now)
    actions = tuple(chain(clocks(s), records(s), replaced(s), surplus(s)))
    decided = SchedulePlan(actions, schedule_status(s))
    if seen.refusals or seen.taken:
        # Nothing is told of what is not ours.
        return decided.earlier(AGAIN)
    if actions:
        return decided.earlier(SOON)
    due = next_tick(s)
    return decided.earlier(min(due - now + A_MOMENT, LATEST)) if due else decided
