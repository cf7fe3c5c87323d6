"""The spec of a RetrainSchedule."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from retrain_core.spec.base import (
    MAX_INT32,
    URL,
    AnnotationValue,
    Count,
    LabelValue,
    Name,
    RelativePath,
    Seconds,
    SecretRef,
    SpecModel,
    Text,
)
from retrain_core.spec.pod import PodField
from retrain_core.spec.rules import LABEL_KEYS, NOT_OURS, Rule, no_secret_over_http
from retrain_core.spec.training_run import TrainingRunSpec

MAX_SCHEDULE_AND_TRIGGER = 51
"""A CronJob's name is `<schedule>-<trigger>`, and Kubernetes allows it 52 characters."""

CHECK = "check"
"""The CronJob that looks at the triggers that are no clock is `<schedule>-check`."""


class RunMetadata(SpecModel):
    """Labels and annotations of each run."""

    labels: Annotated[dict[str, LabelValue], Field(max_length=64), LABEL_KEYS, NOT_OURS] = {}
    """Labels of each run."""
    annotations: Annotated[
        dict[str, AnnotationValue], Field(max_length=64), LABEL_KEYS, NOT_OURS
    ] = {}
    """Annotations of each run."""


class RunTemplate(SpecModel):
    """What each triggered run is made from."""

    RULES = (
        Rule(
            "!has(self.spec.suspend) && !has(self.spec.cancel)",
            "spec must not set suspend or cancel: suspend the schedule instead",
            lambda template: not template.spec.model_fields_set & {"suspend", "cancel"},
        ),
    )

    metadata: RunMetadata = RunMetadata()
    """Labels and annotations of each run."""
    spec: TrainingRunSpec
    """The spec of each run, without suspend and cancel."""


class Cron(SpecModel):
    """By the clock, as a CronJob."""

    schedule: Text
    """Minute, hour, day of month, month and day of week, as in cron."""
    time_zone: Text = "Etc/UTC"
    """Name in the time zone database, such as Asia/Seoul."""
    starting_deadline_seconds: Annotated[int, Field(ge=10, le=MAX_INT32)] = 3600
    """How late a run may still start that could not start in time."""


class Release(SpecModel):
    """Each new git tag trains at that tag's commit."""

    tag_pattern: Text
    """Which tags count, with * for any characters: v*"""
    train_existing: Literal["None", "Latest"] = "None"
    """Whether a new schedule trains the newest tag that is already there."""


class Data(SpecModel):
    """An import has something newer upstream, or the branch moved these paths."""

    paths: Annotated[list[RelativePath], Field(min_length=1, max_length=64)]
    """.dvc files and other paths of the repository."""


class Columns(SpecModel):
    """Which columns count."""

    include: Annotated[list[Text], Field(max_length=512)] = []
    """Default: every column of the champion's profile."""
    exclude: Annotated[list[Text], Field(max_length=512)] = []
    """Columns that are left out."""


class Drift(SpecModel):
    """Today's data against the champion's training profile, by PSI."""

    current: URL
    """Path or URL of today's data, readable with the run's credentials."""
    columns: Columns = Columns()
    """Which columns count."""
    threshold: Annotated[float, Field(gt=0)] = 0.2
    """Population stability index from which a column has drifted."""
    min_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the columns that must drift; 0: one is enough."""
    min_rows: Annotated[int, Field(ge=1, le=MAX_INT32)] = 100
    """With fewer rows nothing is judged."""


class Prometheus(SpecModel):
    """An instant query."""

    RULES = (no_secret_over_http("url"),)

    url: URL
    """Address of the server."""
    query: Annotated[str, Field(min_length=1, max_length=4096)]
    """PromQL with one value as its result; a hold time is avg_over_time."""
    secret_ref: SecretRef | None = None
    """Secret with username and password, or with token."""


class Metric(SpecModel):
    """An instant query above or below a number."""

    RULES = (
        Rule(
            "has(self.above) != has(self.below)",
            "needs exactly one of above and below",
            lambda metric: (metric.above is None) != (metric.below is None),
        ),
    )

    prometheus: Prometheus
    """An instant query."""
    above: float | None = None
    """Fires when the value is greater."""
    below: float | None = None
    """Fires when the value is less."""


KINDS_OF_TRIGGER = ("cron", "release", "data", "drift", "metric")


class Trigger(SpecModel):
    """One reason to train again."""

    RULES = (
        Rule(
            f"[{', '.join(f'has(self.{kind})' for kind in KINDS_OF_TRIGGER)}]"
            ".filter(given, given).size() == 1",
            f"needs exactly one of {', '.join(KINDS_OF_TRIGGER)}",
            lambda trigger: (
                sum(getattr(trigger, kind) is not None for kind in KINDS_OF_TRIGGER) == 1
            ),
        ),
        Rule(
            f"self.name != '{CHECK}'",
            f"name: `{CHECK}` is the name of the CronJob that looks at triggers",
            lambda trigger: trigger.name != CHECK,
        ),
    )

    name: Name
    """Part of the names of what it starts."""
    cron: Cron | None = None
    """By the clock, as a CronJob."""
    release: Release | None = None
    """Each new git tag trains at that tag's commit."""
    data: Data | None = None
    """An import has something newer upstream, or the branch moved these paths."""
    drift: Drift | None = None
    """Today's data against the champion's training profile, by PSI."""
    metric: Metric | None = None
    """An instant query above or below a number."""

    @property
    def kind(self) -> str:
        """The field that says what it is."""
        return next(kind for kind in KINDS_OF_TRIGGER if getattr(self, kind) is not None)

    @property
    def type(self) -> str:
        """Its kind as `status.trigger.type` of a run has it."""
        return self.kind.capitalize()


class Check(SpecModel):
    """The pod that looks at the triggers that are no clock."""

    schedule: Text | None = None
    """As in cron. Default: every ten minutes."""
    timeout_seconds: Seconds = 300
    """How long one check may take; its looks share the time."""
    resources: Annotated[dict[str, Any], PodField("resources")] = {}
    """What the pod asks for and may use."""
    queue_name: Name | None = None
    """Kueue's LocalQueue."""


class RetrainScheduleSpec(SpecModel):
    """When a model must be trained again."""

    run_template: RunTemplate
    """What each triggered run is made from."""
    triggers: Annotated[
        list[Trigger],
        Field(
            min_length=1,
            max_length=16,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ]
    """Reasons to train again; any of them is enough."""
    check: Check = Check()
    """The pod that looks at the triggers that are no clock."""
    cooldown_seconds: Count = 3600
    """How long after a run that ended well no new data, drift or metric starts another."""
    concurrency_policy: Literal["Forbid", "Allow", "Replace"] = "Forbid"
    """While a run is active a trigger waits, starts another, or cancels an older one first."""
    suspend: bool = False
    """While true nothing new starts, from any trigger."""
    successful_runs_history_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How many successful runs are kept."""
    failed_runs_history_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How many failed runs are kept."""

    @field_validator("triggers")
    @classmethod
    def _names_are_unique(cls, triggers: list[Trigger]) -> list[Trigger]:
        if len({trigger.name for trigger in triggers}) != len(triggers):
            raise ValueError("each name may be used once")
        return triggers
