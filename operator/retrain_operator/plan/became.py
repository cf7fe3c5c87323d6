"""What became of the model of a run that ended well, as conditions beside `Succeeded`."""

from collections.abc import Iterator

from retrain_core.outcome import Reason
from retrain_core.result import Result
from retrain_core.verdict.promotion import PromotionReason
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object

PROMOTED = "Promoted"
"""Whether the run's version serves, and why."""
EFFECTIVE = "Effective"
"""False where what a trigger saw called for a training, and none could come of it."""
NOTHING_NEW = "NothingNew"
_CALL_FOR_TRAINING = ("Data", "Drift", "Metric")
_REMEDY = (
    "What the trigger saw will not change by this: name the imports in spec.dvc.update of the"
    " schedule's runTemplate, or what is to run in spec.dvc.force"
)

Said = tuple[str, str, str, str]
"""Type, status, reason and message of a condition."""


def became_of_it(trigger: Object, reason: Reason, message: str, result: Result) -> Iterator[Said]:
    """The conditions of a run that ended well with ``reason``."""
    model = result.model
    if model is not None and model.reason:
        word, _, why = model.reason.partition(": ")
        if word in set(PromotionReason):
            yield PROMOTED, str(model.promoted), word, why
    if reason is Reason.UP_TO_DATE and trigger.get("type") in _CALL_FOR_TRAINING:
        name = trigger.get("name") or trigger["type"]
        text = f"trigger {name} called for a training, and {message}. {_REMEDY}"
        yield EFFECTIVE, "False", NOTHING_NEW, text


def warnings(status: Object) -> Iterator[Object]:
    """The conditions of ``status`` that somebody should look at though the run ended well."""
    promoted = objects.any_condition({"status": status}, PROMOTED)
    if promoted and promoted["reason"] == PromotionReason.CHAMPION_NOT_COMPARABLE:
        yield promoted
    if effective := objects.any_condition({"status": status}, EFFECTIVE):
        yield effective
