"""What the status carries of each trigger that is no clock."""

from pydantic import ValidationError

from retrain_core.crd.status import Firing, TriggerStatus
from retrain_core.evidence import about, looked_at
from retrain_operator.kube.objects import Object
from retrain_operator.plan.schedule.types import Situation

States = dict[str, TriggerStatus]
"""By the trigger's name, in the order of the spec."""


def states(s: Situation) -> States:
    """As the status has them; one that has become about something else begins anew."""
    told = stored(s.seen.schedule)
    found: States = {}
    for trigger in looked_at(s.spec.triggers):
        fresh = TriggerStatus(
            name=trigger.name, type=trigger.type, about=about(trigger, s.run_spec)
        )
        state = told.get(trigger.name, fresh)
        found[trigger.name] = state if state.about == fresh.about else fresh
    return found


def stored(schedule: Object) -> States:
    """Whatever its status says, also of triggers that the spec no longer has."""
    found: States = {}
    for said in (schedule.get("status") or {}).get("triggers") or ():
        try:
            state = TriggerStatus.model_validate(said)
        except ValidationError:
            # Of another version of this operator.
            continue
        found[state.name] = state
    return found


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
