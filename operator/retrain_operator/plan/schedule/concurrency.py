"""What happens to runs that are active when another starts."""

from collections.abc import Collection, Iterator

from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN, Object
from retrain_operator.plan.ending import has_ended
from retrain_operator.plan.ownership import made_for, recorded_by
from retrain_operator.plan.schedule.firing import run_name
from retrain_operator.plan.schedule.history import has_finished
from retrain_operator.plan.schedule.trigger_states import States
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


def replaced(s: Situation, triggers: Collection[str]) -> Iterator[Action]:
    """Under Replace what would start cancels older runs of its own trigger, and those of clocks.

    ``triggers`` are those that would start a run, clocks apart.

    What another trigger has started is waited for, else two that stay bad would cancel each
    other for ever; and so is a release, which nothing else would train.
    """
    if s.problem is not None or s.spec.concurrency_policy != "Replace":
        return
    going = [run for run in active(s) if not run["spec"].get("cancel")]
    newest = {trigger_of(run): objects.name(run) for run in going if is_of_clock(run)}
    for run in going:
        of_newer_tick = is_of_clock(run) and newest[trigger_of(run)] != objects.name(run)
        if of_newer_tick or any(_gives_way(run, trigger) for trigger in triggers):
            yield Patch(TRAINING_RUN, run, {"spec": {"cancel": True}})


def is_of_clock(run: Object) -> bool:
    """Whether it was made for a clock's Job."""
    return made_for(run) is not None


def trigger_of(run: Object) -> str:
    """Name of the trigger by which ``run`` was started."""
    return objects.labels(run).get(names.TRIGGER_LABEL, "")


def _gives_way(run: Object, trigger: str) -> bool:
    """Whether what ``trigger`` starts may cancel ``run``."""
    if names.RELEASE_ANNOTATION in objects.annotations(run):
        return False
    return is_of_clock(run) or trigger_of(run) == trigger
