"""What to do next for a RetrainSchedule: every part has its say, in this order."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from retrain_operator.kube import objects
from retrain_operator.plan.schedule.checks import (
    read,
    surplus_checks,
    told_of_size,
    wanted_check,
)
from retrain_operator.plan.schedule.clocks import clocks, next_tick
from retrain_operator.plan.schedule.concurrency import replaced
from retrain_operator.plan.schedule.history import surplus
from retrain_operator.plan.schedule.recorded_jobs import records
from retrain_operator.plan.schedule.reruns import settled
from retrain_operator.plan.schedule.starts import claimed, creations, started, starts, with_waits
from retrain_operator.plan.schedule.status import schedule_status
from retrain_operator.plan.schedule.trigger_states import States, kept_while_suspended, states
from retrain_operator.plan.schedule.types import Action, SchedulePlan, Seen, Situation
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
    of_triggers = _of_triggers(s) if s.problem is None else _OfTriggers()
    actions = tuple(
        chain(
            clocks(s, wanted_check(s, of_triggers.states)),
            records(s),
            of_triggers.actions,
            replaced(s, of_triggers.blocked),
            surplus(s),
        )
    )
    decided = SchedulePlan(actions, schedule_status(s, of_triggers.states))
    for until in of_triggers.again:
        decided = decided.earlier(until - now)
    if seen.unfinished:
        decided = decided.earlier(SOON)
    if seen.refusals or seen.taken:
        # Nothing is told of what is not ours.
        return decided.earlier(AGAIN)
    if actions:
        return decided.earlier(SOON)
    due = next_tick(s)
    return decided.earlier(min(due - now + A_MOMENT, LATEST)) if due else decided


@dataclass(frozen=True)
class _OfTriggers:
    """What follows from the triggers that are no clock."""

    states: States = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    again: tuple[datetime, ...] = ()
    blocked: frozenset[str] = frozenset()
    """Triggers that wait for active runs alone."""


def _of_triggers(s: Situation) -> _OfTriggers:
    """Five passes over the states of the triggers, each of what the one before has left.

    1. ``claimed``: runs that exist have been started, also where the status does not know of it.
    2. ``settled``: a run that has finished ends its firing, or has it fire again later.
    3. ``starts``, ``started``: what may start of that which the status *has stored* as due. What
       becomes due below starts in a later pass: the write of the status is the lock.
    4. ``read``: the newest reports of checks make more due.
    5. ``starts`` once more: what is due now and has to wait is told what for.
    """
    before = settled(s, claimed(s, states(s)))
    begun = starts(s, before)
    after = told_of_size(read(s, started(s, before, begun)))
    if s.spec.suspend:
        after = kept_while_suspended(after)
    waiting = starts(s, after)
    return _OfTriggers(
        with_waits(after, waiting),
        (*creations(s, before, begun), *surplus_checks(s)),
        tuple(start.until for start in waiting if start.until is not None),
        frozenset(start.trigger for start in waiting if start.blocked),
    )
