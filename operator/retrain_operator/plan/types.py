"""What a plan is made from and what it says."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Self

from pydantic import ValidationError

from retrain_core.build.job import TrainerSettings
from retrain_core.defaults import effective_spec, problems_of
from retrain_core.outcome import Reason
from retrain_core.spec import TrainingRunSpec
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object

Status = dict[str, Any]
LONG_ENOUGH = 12 * 3600
"""Seconds that a Job stays after its end, that an operator is expected to be back in."""


@dataclass(frozen=True)
class Settings:
    """What of the operator's configuration decides."""

    trainer: TrainerSettings
    defaults: dict[str, Any] = field(default_factory=dict)
    job_ttl_seconds: int = 86400

    @property
    def ttl_from_the_start(self) -> int | None:
        """TTL of a Job that has not ended, which saves a write then; None: it is set then.

        A run's outcome is lost if no operator lives for all that time.
        """
        return self.job_ttl_seconds if self.job_ttl_seconds >= LONG_ENOUGH else None


@dataclass(frozen=True)
class Refusal:
    """The API server's answer to the creation of the Job, if it was no."""

    invalid: bool
    """The object is wrong, so that no later time will do; else it is not allowed now."""
    message: str


@dataclass(frozen=True)
class EventToSend:
    """About a run or a schedule; ``warning``: somebody should act."""

    reason: str
    note: str
    warning: bool = False


@dataclass(frozen=True)
class PodProblem:
    """What keeps a pod from running."""

    reason: Reason
    message: str
    needs_action: bool = False
    """Whether no waiting ends it: somebody has to put something right."""


@dataclass(frozen=True)
class Observed:
    """One TrainingRun and what belongs to it. What is absent here was looked for live."""

    run: Object
    job: Object | None = None
    """The Job of the run's name, whoever it belongs to."""
    pods: Sequence[Object] = ()
    """Of that Job, oldest first."""
    events: Sequence[Object] = ()
    """Of what ``trouble.subject_of_events`` named, oldest first."""
    refusal: Refusal | None = None
    written: datetime | None = None
    """When this process last wrote its status; None: not that it knew."""
    awaited: datetime | None = None
    """When this process first saw what ``trouble.start_awaited`` names; None: now."""
    hindered: datetime | None = None
    """When this process first saw what ``trouble.to_be_put_right`` names; None: now."""

    @property
    def status(self) -> Status:
        return self.run.get("status") or {}

    @property
    def newest_pod(self) -> Object | None:
        return self.pods[-1] if self.pods else None

    @property
    def cancelled(self) -> bool:
        return bool(self.run["spec"].get("cancel"))

    @property
    def suspended(self) -> bool:
        return bool(self.run["spec"].get("suspend"))

    @property
    def job_suspended(self) -> bool:
        return self.job is not None and bool(self.job["spec"].get("suspend"))


@dataclass(frozen=True)
class Situation:
    """What the rules see: the observation, the settings and the time."""

    seen: Observed
    settings: Settings
    now: datetime

    @cached_property
    def problem(self) -> str | None:
        """Why the spec cannot be run; None: it can."""
        if (large := objects.too_large(self.seen.run)) is not None:
            return large
        try:
            _ = self.spec
        except ValidationError as error:
            return f"spec.{problems_of(error)}"
        except ValueError as error:
            return f"spec.{error}"
        return None

    @cached_property
    def spec(self) -> TrainingRunSpec:
        """With the operator's defaults. Raises what ``effective_spec`` raises."""
        return effective_spec(self.seen.run["spec"], self.settings.defaults)


@dataclass(frozen=True)
class Plan:
    """One pass: done in the order of the fields, each at most once."""

    create_job: Object | None = None
    patch_job: Object | None = None
    delete_job: bool = False
    status: Status | None = None
    """The whole status that should be."""
    patch_run: Object | None = None
    delete_run: bool = False
    again: timedelta | None = None
    """When to look again though nothing has changed."""

    def earlier(self, after: timedelta | None) -> Self:
        """This plan, looked at again after ``after`` if that is sooner."""
        if after is None or (self.again is not None and self.again <= after):
            return self
        return replace(self, again=max(after, timedelta(0)))
