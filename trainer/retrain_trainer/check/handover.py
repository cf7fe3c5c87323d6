"""What the first container of a check hands over to the second, on their volume.

The first holds the credentials of git and of the metrics, and opens no project: a repository's DVC
configuration can name programs to run. The second opens it, with the credentials that a training
has.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from retrain_core.evidence import Evidence
from retrain_core.outcome import Reason, RunFailed
from retrain_core.result import ResultModel
from retrain_core.spec import Trigger
from retrain_trainer.check.context import CheckContext
from retrain_trainer.check.repository import fetch_head
from retrain_trainer.check.run import Looks
from retrain_trainer.check.time_budget import TimeBudget

FILE = "handover.json"


class Failure(ResultModel):
    """Why the head of the branch could not be fetched."""

    reason: Reason
    message: str


class Handover(ResultModel):
    """What was seen already, what became of the fetch, and until when the check may take."""

    ends: float | None = None
    """Seconds since the epoch; an image from before there was a limit says nothing."""
    seen: list[Evidence] = []
    failure: Failure | None = None

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(self.model_dump_json())

    @classmethod
    def read(cls, folder: Path) -> "Handover":
        """Raises OSError or ValueError."""
        return cls.model_validate_json((folder / FILE).read_text())


def look_outside(triggers: Sequence[Trigger], context: CheckContext, timeout: float) -> Handover:
    """Look at tags and metrics, and fetch the head for the other triggers.

    ``timeout``: seconds that all of the check may take.
    """
    fetches = context.run.source.git and any(each.data or each.drift for each in triggers)
    budget = TimeBudget.of(timeout, len(triggers) + bool(fetches))
    context = replace(context, budget=budget)
    looks = Looks(context, len(triggers))
    seen = [looks.at(trigger) for trigger in triggers if trigger.release or trigger.metric]
    failure = None
    if fetches:
        try:
            fetch_head(context)
        except RunFailed as failed:
            failure = Failure(reason=failed.reason, message=context.redact(failed.message))
    return Handover(ends=budget.ends, seen=seen, failure=failure)
