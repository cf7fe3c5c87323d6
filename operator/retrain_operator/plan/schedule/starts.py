"""Which of what is due starts now, and what the rest waits for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from retrain_core.crd.status import Firing, TriggerStatus
from retrain_core.status import timestamp
from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN
from retrain_operator.plan.schedule.concurrency import busy
from retrain_operator.plan.schedule.firing import run_name, triggered_run
from retrain_operator.plan.schedule.history import ended_well, has_finished
from retrain_operator.plan.schedule.trigger_states import States, is_release, stored
from retrain_operator.plan.schedule.types import Action, Create, Situation


@dataclass(frozen=True)
class Start:
    """A firing and what keeps it from starting, if anything does."""

    trigger: str
    firing: Firing
    waits: str | None = None
    until: datetime | None = None
    """When that is over; None: when something changes."""
    blocked: bool = False
    """Whether nothing but runs that are active keeps it."""
    written: bool = True
    """Whether the stored status has it due."""

    @property
    def begins(self) -> bool:
        return self.waits is None and self.written


def starts(s: Situation, states: States) -> list[Start]:
    """Every due firing, in the order of the triggers.

    Only what the stored status has due can start. So the write that made it due, which fails if
    anybody else has written meanwhile, stands before the run: of two operators one wins it.
    """
    told = stored(s.seen.schedule)
    others = busy(s, states)
    found = []
    for name, state in states.items():
        known = told.get(name)
        for firing in state.due:
            written = known is not None and firing in known.due
            start = replace(_start(s, name, firing, others), written=written)
            if start.begins and s.spec.concurrency_policy != "Allow":
                others = [*others, run_name(s.seen.owner, name, firing)]
            found.append(start)
    return found


def started(s: Situation, states: States, begun: list[Start]) -> States:
    """``states`` after those of ``begun`` that begin have started."""
    for start in begun:
        refused = (TRAINING_RUN, run_name(s.seen.owner, start.trigger, start.firing))
        if not start.begins or refused in s.seen.refusals or refused in s.seen.taken:
            continue
        state = _after(states[start.trigger], start.firing, s.now.replace(microsecond=0))
        states = {**states, start.trigger: state}
    return states


def claimed(s: Situation, states: States) -> States:
    """``states`` in which no firing is due that has its run: the write that says so was lost."""
    runs = {objects.name(run): run for run in s.seen.records}
    for name, state in states.items():
        for firing in state.due:
            if (run := runs.get(run_name(s.seen.owner, name, firing))) is not None:
                state = _after(state, firing, objects.created(run))
        states = {**states, name: state}
    return states


def _after(state: TriggerStatus, firing: Firing, at: datetime) -> TriggerStatus:
    """``state`` after the run of ``firing`` was created."""
    change: dict[str, Any] = {
        "due": [one for one in state.due if one != firing],
        "started": [*state.started, firing],
        "last_fired": at,
    }
    if firing.known is not None:
        change["known"] = firing.known
    return state.model_copy(update=change)


def creations(s: Situation, states: States, begun: list[Start]) -> Iterator[Action]:
    """The runs that start."""
    for start in begun:
        if start.begins:
            body = triggered_run(
                s.seen.owner,
                s.seen.run_template,
                start.trigger,
                str(states[start.trigger].type),
                start.firing,
            )
            if (TRAINING_RUN, objects.name(body)) not in s.seen.taken:
                yield Create(TRAINING_RUN, body)


def with_waits(states: States, begun: list[Start]) -> States:
    """``states`` that say what the first of their due firings waits for."""
    found = {name: state.model_copy(update={"waits": None}) for name, state in states.items()}
    for start in reversed(begun):
        state = found[start.trigger]
        if start.waits is not None:
            found[start.trigger] = state.model_copy(update={"waits": start.waits})
    return found


def _start(s: Situation, name: str, firing: Firing, others: list[str]) -> Start:
    start = Start(name, firing)
    if s.spec.suspend:
        return replace(start, waits="spec.suspend is set")
    if firing.not_before is not None and firing.not_before > s.now:
        until = firing.not_before
        message = f"its run failed; tried again at {timestamp(until)}"
        return replace(start, waits=message, until=until)
    warm = _cooled_at(s)
    if warm is not None and warm > s.now and not is_release(firing):
        message = f"cooldownSeconds: until {timestamp(warm)}"
        return replace(start, waits=message, until=warm)
    if others and s.spec.concurrency_policy != "Allow":
        message = f"waits for the end of {', '.join(others[:3])}"
        return replace(start, waits=message, blocked=True)
    return start


def _cooled_at(s: Situation) -> datetime | None:
    """When the last run that ended well is long enough ago."""
    ends = [
        run["status"]["completionTime"]
        for run in s.seen.records
        if has_finished(run) and ended_well(run)
    ]
    told = (s.seen.status.get("lastSuccessfulRun") or {}).get("completionTime")
    last = objects.moment(max([*ends, *([told] if told else [])], default=None))
    return last + timedelta(seconds=s.spec.cooldown_seconds) if last else None
