"""What every look is given, and how it says that it could not see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from retrain_core.outcome import RunFailed
from retrain_core.spec import TrainingRunSpec
from retrain_core.verdict.finding import Finding
from retrain_trainer.check.time_budget import TimeBudget
from retrain_trainer.execution import LocalStores
from retrain_trainer.git_access import Access
from retrain_trainer.report import Redact, Reporter

NETWORK_SECONDS = 10
"""For one answer of a server."""
Made = TypeVar("Made")


class NotSeen(Exception):
    """A trigger could not be looked at, told in the user's words."""

    def __init__(self, finding: Finding, message: str) -> None:
        super().__init__(message)
        self.finding = finding
        self.message = message


class Once(Generic[Made]):
    """What several looks need: made for the first of them, or failed for all."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make

    def get(self) -> Made:
        """What was made.

        Raises:
            RunFailed, NotSeen: as the first time.
        """
        made, failure = self._made
        if failure is not None:
            raise failure
        assert made is not None
        return made

    @cached_property
    def _made(self) -> tuple[Made | None, RunFailed | NotSeen | None]:
        try:
            return self._make(), None
        except (RunFailed, NotSeen) as failure:
            return None, failure


@dataclass(frozen=True)
class CheckContext:
    """Where and with what a check looks."""

    run: TrainingRunSpec
    scratch: Path
    """A folder that is ours."""
    access: Access
    """To the git repository."""
    metric_secrets: Callable[[str], Mapping[str, str]]
    """From a trigger's name to the keys of its Secret."""
    redact: Redact
    report: Reporter
    tracking_uri: str | None
    local: LocalStores | None = None
    image_source: Path | None = None
    """The project's folder where the source is an image."""
    record: bool = True
    """Whether scores of drift go to the tracking server."""
    known: Mapping[str, str] = field(default_factory=dict)
    """By trigger."""
    fenced: bool = False
    """Whether the machine is a person's: of a repository fetched from git nothing is run there, and
    nothing outside of it is read."""
    budget: TimeBudget | None = None
    """Of the check's time; None: each look may take as long as it does."""
    fetched: bool | RunFailed = False
    """Whether the head of the branch lies in ``scratch`` already; or why it could not be had."""
