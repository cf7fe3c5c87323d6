"""What happens to runs that are active when another starts."""

from collections.abc import Iterator

from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN, Object
from retrain_operator.plan.ending import has_ended
from retrain_operator.plan.ownership import recorded_by
from retrain_operator.plan.schedule.firing import run_name
from retrain_operator.plan.schedule.history import has_finished
from retrain_operator.plan.schedule.triggers import States
from retrain_operator.plan.schedule.types import Action, Patch, Situation


def active(s: Situation) -> list[Object]:
    """The runs that have not ended, oldest first."""
    return [run for run in s.seen.records if not has_finished(run)]


def busy(s: Situation, states: States) -> list[str]:
    """Names of all runs that have not ended, also of those that nobody has been told of yet."""
    known = {objects.name(run) for run in s.seen.runs}
    names_ = [objects.name(run) for run in active(s)]
    for name, state in states.items():
        started = (run_name(s.seen.owner, name, one) for one in state.started)
        names_ += [one for one in started if one not in known and one not in s.seen.lost]
    unrecorded = (job for job in s.seen.jobs if recorded_by(job) is None and not has_ended(job))
    return list(dict.fromkeys((*names_, *map(objects.name, unrecorded))))


def replaced(s: Situation) -> Iterator[Action]:
    """Under Replace a clock's newer run cancels its older ones."""
    if s.problem is not None or s.spec.concurrency_policy != "Replace":
        return
    newest: dict[str, Object] = {}
    for run in active(s):
        trigger = objects.labels(run).get(names.TRIGGER_LABEL, "")
        older = newest.get(trigger)
        newest[trigger] = run
        if older is not None and not older["spec"].get("cancel"):
            yield Patch(TRAINING_RUN, older, {"spec": {"cancel": True}})
