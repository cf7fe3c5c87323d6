"""The spec of a RetrainSchedule."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from retrain_core.spec.base import (
    URL,
    Name,
    RelativePath,
    Seconds,
    SecretRef,
    SpecModel,
    Text,
)
from retrain_core.spec.training_run import TrainingRunSpec

MAX_SCHEDULE_AND_TRIGGER = 51
"""A CronJob's name is `<schedule>-<trigger>`, and Kubernetes allows it 52 characters."""

CHECK = "check"
"""The CronJob that looks at the triggers that are no clock is `<schedule>-check`."""


class RunMetadata(SpecModel):
    labels: Annotated[dict[Text, str], Field(max_length=64)] = {}
    annotations: Annotated[dict[Text, str], Field(max_length=64)] = {}


class RunTemplate(SpecModel):
    """What each triggered run is made from."""

    metadata: RunMetadata = RunMetadata()
    spec: TrainingRunSpec

    @model_validator(mode="after")
    def _starts_at_once(self) -> Self:
        if self.spec.model_fields_set & {"suspend", "cancel"}:
            raise ValueError("spec must not set suspend or cancel: suspend the schedule instead")
        return self


class Cron(SpecModel):
    """By the clock, as a CronJob."""

    schedule: Text
    time_zone: Text = "Etc/UTC"
    starting_deadline_seconds: Annotated[int, Field(ge=10)] = 3600


class Release(SpecModel):
    """Each new git tag trains at that tag's commit."""

    tag_pattern: Text
    train_existing: Literal["None", "Latest"] = "None"


class Data(SpecModel):
    """An import has something newer upstream, or the branch moved these paths."""

    paths: Annotated[list[RelativePath], Field(min_length=1, max_length=64)]


class Columns(SpecModel):
    include: Annotated[list[Text], Field(max_length=512)] = []
    exclude: Annotated[list[Text], Field(max_length=512)] = []


class Drift(SpecModel):
    """Today's data against the champion's training profile, by PSI."""

    current: URL
    """Path or URL of today's data, readable with the run's credentials."""
    columns: Columns = Columns()
    threshold: Annotated[float, Field(gt=0)] = 0.2
    min_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the columns that must drift; 0: one is enough."""
    min_rows: Annotated[int, Field(ge=1)] = 100


class Prometheus(SpecModel):
    url: URL
    query: Annotated[str, Field(min_length=1, max_length=4096)]
    secret_ref: SecretRef | None = None


class Metric(SpecModel):
    """An instant query above or below a number."""

    prometheus: Prometheus
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("needs exactly one of above and below")
        return self


class Trigger(SpecModel):
    """One reason to train again."""

    name: Name
    cron: Cron | None = None
    release: Release | None = None
    data: Data | None = None
    drift: Drift | None = None
    metric: Metric | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = ("cron", "release", "data", "drift", "metric")
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"needs exactly one of {', '.join(kinds)}")
        if self.name == CHECK:
            raise ValueError(f"name: `{CHECK}` is the name of the CronJob that looks at triggers")
        return self


class Check(SpecModel):
    """The pod that looks at the triggers that are no clock."""

    schedule: Text | None = None
    """Default: every ten minutes."""
    timeout_seconds: Seconds = 300
    resources: dict[str, Any] = {}
    queue_name: Name | None = None


class RetrainScheduleSpec(SpecModel):
    """When a model must be trained again."""

    run_template: RunTemplate
    triggers: Annotated[list[Trigger], Field(min_length=1, max_length=16)]
    check: Check = Check()
    cooldown_seconds: Annotated[int, Field(ge=0)] = 0
    concurrency_policy: Literal["Forbid", "Allow", "Replace"] = "Forbid"
    suspend: bool = False
    successful_runs_history_limit: Annotated[int, Field(ge=0, le=100)] = 3
    failed_runs_history_limit: Annotated[int, Field(ge=0, le=100)] = 3

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [trigger.name for trigger in self.triggers]
        if len(set(names)) != len(names):
            raise ValueError("triggers: each name may be used once")
        return self
