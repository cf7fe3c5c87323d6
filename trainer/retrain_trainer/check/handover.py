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
from retrain_trainer.check.look import Setting
from retrain_trainer.check.repository import fetch_head
from retrain_trainer.check.run import Looks
from retrain_trainer.check.shares import Shares

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


def look_outside(triggers: Sequence[Trigger], setting: Setting, timeout: float) -> Handover:
    """Look at tags and metrics, and fetch the head for the other triggers.

    ``timeout``: seconds that all of the check may take.
    """
    fetches = setting.run.source.git and any(each.data or each.drift for each in triggers)
    shares = Shares.of(timeout, len(triggers) + bool(fetches))
    setting = replace(setting, shares=shares)
    looks = Looks(setting, len(triggers))
    seen = [looks.at(trigger) for trigger in triggers if trigger.release or trigger.metric]
    failure = None
    if fetches:
        try:
            fetch_head(setting)
        except RunFailed as failed:
            failure = Failure(reason=failed.reason, message=setting.redact(failed.message))
    return Handover(ends=shares.ends, seen=seen, failure=failure)
