"""What becomes of a firing whose run has ended: one that failed comes again, later each time."""

from datetime import datetime, timedelta
from typing import Any

from retrain_core.crd.status import MAX_SENTENCE, Firing, TriggerStatus
from retrain_core.outcome import Reason
from retrain_core.verdict.finding import Finding
from retrain_core.verdict.metric import GAVE_UP
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object
from retrain_operator.plan.schedule.firing import run_name
from retrain_operator.plan.schedule.history import ended_well, has_finished
from retrain_operator.plan.schedule.trigger_states import States, is_release
from retrain_operator.plan.schedule.types import Situation
from retrain_operator.plan.status import reason_of, sentence

MAX_RETRIES = 5
FIRST_DELAY = timedelta(minutes=10)
GROWTH = 3
"""Ten minutes, half an hour, an hour and a half, four and a half, thirteen and a half hours."""


def settled(s: Situation, states: States) -> States:
    """``states`` without the started runs that have ended; those to be tried again are due."""
    runs = {objects.name(run): run for run in s.seen.records}
    found = {}
    for name, state in states.items():
        for firing in state.started:
            run = runs.get(run_name(s.seen.owner, name, firing))
            if run is not None and has_finished(run):
                state = _ended(_without(state, firing), firing, run)
            elif run_name(s.seen.owner, name, firing) in s.seen.lost:
                # Whoever deleted it did not want it.
                state = _without(state, firing)
        found[name] = state
    return found


def delay(retry: int) -> timedelta:
    """How long after its end a run that failed as the ``retry``-th is tried again."""
    return FIRST_DELAY * int(GROWTH**retry)


def _without(state: TriggerStatus, firing: Firing) -> TriggerStatus:
    return state.model_copy(update={"started": [one for one in state.started if one != firing]})


def _ended(state: TriggerStatus, firing: Firing, run: Object) -> TriggerStatus:
    if ended_well(run):
        return state
    reason = reason_of(run.get("status") or {})
    if reason == Reason.CANCELLED:
        return state
    if state.due and not is_release(firing):
        # Something newer is due.
        return state
    if firing.retry >= MAX_RETRIES:
        words = (
            f"gave up after {firing.retry + 1} runs that failed, the last ({objects.name(run)})"
            f" with {reason}: {firing.evidence}"
        )
        given_up: dict[str, Any] = {
            "reason": str(Finding.GAVE_UP),
            "message": sentence(words, MAX_SENTENCE),
        }
        if state.type == "Metric":
            given_up["known"] = GAVE_UP
        return state.model_copy(update=given_up)
    again = firing.model_copy(
        update={"retry": firing.retry + 1, "not_before": _end(run) + delay(firing.retry)}
    )
    return state.model_copy(update={"due": [*state.due, again]})


def _end(run: Object) -> datetime:
    ended = objects.moment(run["status"]["completionTime"])
    assert ended is not None
    return ended
