"""What the status carries of each trigger that is no clock."""

from pydantic import ValidationError

from retrain_core.crd.status import Firing, TriggerStatus
from retrain_core.evidence import about, looked_at
from retrain_operator.kube.objects import Object
from retrain_operator.plan.schedule.types import Situation

States = dict[str, TriggerStatus]
"""By the trigger's name, in the order of the spec."""


def states(s: Situation) -> States:
    """As the status has them; one that has become about something else begins anew.

    One that the status has in words of another version is left out: nothing is looked at or
    started for it, and what is known of it stays as it is.
    """
    told = stored(s.seen.schedule)
    unread = unreadable(s.seen.schedule)
    found: States = {}
    for trigger in looked_at(s.spec.triggers):
        if trigger.name in unread:
            continue
        fresh = TriggerStatus(
            name=trigger.name, type=trigger.type, about=about(trigger, s.run_spec)
        )
        state = told.get(trigger.name, fresh)
        found[trigger.name] = state if state.about == fresh.about else fresh
    return found


def stored(schedule: Object) -> States:
    """Whatever its status says, also of triggers that the spec no longer has.

    Fields of a newer version of this operator are carried along.
    """
    return {state.name: state for entry in _told(schedule) if (state := _state(entry)) is not None}


def unreadable(schedule: Object) -> dict[str, Object]:
    """What its status says of triggers in words of another version, by their names."""
    return {str(entry.get("name")): entry for entry in _told(schedule) if _state(entry) is None}


def _told(schedule: Object) -> list[Object]:
    return (schedule.get("status") or {}).get("triggers") or []


def _state(entry: Object) -> TriggerStatus | None:
    # Scores are shown and nothing more: a new word among them decides nothing.
    shown = {key: value for key, value in entry.items() if key != "scores"}
    for content in (entry, shown):
        try:
            return TriggerStatus.model_validate(content, extra="allow")
        except ValidationError:
            continue
    return None


def kept_while_suspended(states: States) -> States:
    """``states`` without what the next look would find again, or find to be over."""
    return {
        name: state.model_copy(
            update={"due": [one for one in state.due if is_release(one) or one.retry]}
        )
        for name, state in states.items()
    }


def is_release(firing: Firing) -> bool:
    """Whether it is about one tag: such a one is not overtaken by what is seen later."""
    return firing.tag is not None
