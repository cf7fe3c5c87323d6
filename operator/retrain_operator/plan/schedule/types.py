"""What a schedule's plan is made from and what it says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Self

from pydantic import ValidationError

from retrain_core.build.cronjob import Schedule
from retrain_core.defaults import effective_spec, problems_of
from retrain_core.spec import RetrainScheduleSpec, TrainingRunSpec
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Kind, Object
from retrain_operator.plan.ownership import made_for
from retrain_operator.plan.schedule.firing import origin_of
from retrain_operator.plan.types import Settings, Status

MAX_TEMPLATE = 64 * 1024
"""Bytes of a runTemplate. It stands twice in each Job, in annotations that have 256 KiB."""


@dataclass(frozen=True)
class Create:
    kind: Kind
    body: Object


@dataclass(frozen=True)
class Apply:
    """Make ``body`` what we say about ``item``, which is ours; None: there is none yet."""

    kind: Kind
    item: Object | None
    body: Object


@dataclass(frozen=True)
class Patch:
    """Merge ``body`` into ``item``."""

    kind: Kind
    item: Object
    body: Object


@dataclass(frozen=True)
class Delete:
    """Delete ``item``; with ``orphan`` what it owns stays."""

    kind: Kind
    item: Object
    orphan: bool = False


Named = tuple[Kind, str]
"""An object of the schedule's namespace, by its name."""
Action = Create | Apply | Patch | Delete


@dataclass(frozen=True)
class SchedulePlan:
    """One pass: the actions in their order, then the status."""

    actions: tuple[Action, ...] = ()
    status: Status | None = None
    """The whole status that should be."""
    again: timedelta | None = None
    """When to look again though nothing has changed."""

    def earlier(self, after: timedelta | None) -> Self:
        """This plan, looked at again after ``after`` if that is sooner."""
        if after is None or (self.again is not None and self.again <= after):
            return self
        return replace(self, again=max(after, timedelta(0)))


@dataclass(frozen=True)
class Check:
    """One look at the triggers that are no clock."""

    job: Object
    pods: Sequence[Object] = ()
    """Oldest first."""


@dataclass(frozen=True)
class Seen:
    """One RetrainSchedule and what belongs to it."""

    schedule: Object
    cron_jobs: Sequence[Object] = ()
    """Controlled by the schedule."""
    jobs: Sequence[Object] = ()
    """Controlled by a clock, oldest first. One that is not marked is as it is live."""
    checks: Sequence[Check] = ()
    """Oldest first. The pods are known of those that have ended and were not read yet."""
    runs: Sequence[Object] = ()
    """Controlled by the schedule by their own word, which any creator can give; oldest first."""
    gone: frozenset[str] = frozenset()
    """Uids of runs that Jobs name and that a live look did not find."""
    lost: frozenset[str] = frozenset()
    """Names of runs that triggers have started and that a live look did not find."""
    orphans: Sequence[Object] = ()
    """CronJobs of its names that an earlier schedule has made and let go."""
    taken: frozenset[Named] = frozenset()
    """What it needs and is not its own."""
    altered: frozenset[str] = frozenset()
    """Uids of CronJobs that somebody may have changed since they were applied."""
    unfinished: bool = False
    """Whether not all could be looked at in the time that there was: the rest is for the next."""
    refusals: Mapping[Named, str] = field(default_factory=dict)
    """What the API server says against a CronJob or a run."""

    @property
    def status(self) -> Status:
        return self.schedule.get("status") or {}

    @property
    def records(self) -> list[Object]:
        """The runs that are the operator's own: bound by it to a clock's Job, or of a trigger."""
        return [run for run in self.runs if self._is_own(run)]

    def _is_own(self, run: Object) -> bool:
        job = made_for(run)
        if job is not None:
            return bool((run.get("status") or {}).get("jobUID") == job)
        return origin_of(run, self.owner) is not None

    @property
    def raw(self) -> dict[str, Any]:
        """The spec in the API's form."""
        return dict(self.schedule["spec"])

    @property
    def run_template(self) -> dict[str, Any]:
        """In the API's form."""
        return dict(self.schedule["spec"]["runTemplate"])

    @property
    def owner(self) -> Schedule:
        item = self.schedule
        return Schedule(objects.name(item), objects.namespace(item), objects.uid(item))


@dataclass(frozen=True)
class Situation:
    """What the decisions see: the observation, the settings and the time."""

    seen: Seen
    settings: Settings
    now: datetime

    @cached_property
    def problem(self) -> str | None:
        """Why nothing can be started from the spec; None: it can."""
        if (large := objects.too_large(self.seen.schedule)) is not None:
            return large
        if _size(self.seen.run_template) > MAX_TEMPLATE:
            return f"spec.runTemplate: must not be larger than {MAX_TEMPLATE // 1024} KiB"
        try:
            _ = self.spec
        except ValidationError as error:
            return f"spec.{problems_of(error)}"
        try:
            _ = self.run_spec
        except ValidationError as error:
            return f"spec.runTemplate.spec.{problems_of(error)}"
        except ValueError as error:
            return f"spec.runTemplate.spec.{error}"
        return None

    @cached_property
    def spec(self) -> RetrainScheduleSpec:
        """Raises ValidationError."""
        return RetrainScheduleSpec.model_validate(self.seen.raw)

    @cached_property
    def run_spec(self) -> TrainingRunSpec:
        """Of a run, with the operator's defaults. Raises what ``effective_spec`` raises."""
        return effective_spec(self.seen.run_template["spec"], self.settings.defaults)


def _size(content: Any) -> float:
    try:
        return len(json.dumps(content))
    except RecursionError:
        return float("inf")
