"""What happens to runs that are active when another starts."""

from collections.abc import Iterator

from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN, Object
from retrain_operator.plan.schedule.history import has_finished
from retrain_operator.plan.schedule.types import Action, Patch, Situation


def active(s: Situation) -> list[Object]:
    """The runs that have not ended, oldest first."""
    return [run for run in s.seen.records if not has_finished(run)]


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
