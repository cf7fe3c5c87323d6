"""The status of both kinds, as the API server is to know it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from retrain_core.evidence import MAX_SCORES, ColumnScore, Known, Tag
from retrain_core.result import DVCState, Metric, MLflowRun, ModelVersion, ResultModel, Stage
from retrain_core.spec.base import MAX_INT32

MAX_ACTIVE = 100
MAX_FIRINGS = 40
"""Of one trigger, that wait or whose runs have not ended: of releases there may be several."""

Generation = Annotated[int, Field(ge=0, le=2**53, json_schema_extra={"format": "int64"})]
Time = Annotated[datetime, Field(json_schema_extra={"maxLength": 32})]
ObjectName = Annotated[str, StringConstraints(max_length=253)]
MAX_SENTENCE = 1024
Sentence = Annotated[str, StringConstraints(max_length=MAX_SENTENCE)]
UID = Annotated[str, StringConstraints(max_length=64)]
BY_TYPE = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
ATOMIC = {"x-kubernetes-list-type": "atomic"}


class Condition(ResultModel):
    """One aspect of the state, as in every Kubernetes API."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=316)]
    """What it is about."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[
        str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[A-Za-z][0-9A-Za-z]*$")
    ]
    """Why, in one word."""
    message: Annotated[str, StringConstraints(max_length=32768)]
    """Why, for a person."""
    last_transition_time: Time
    """When status last changed."""
    observed_generation: Generation | None = None
    """The metadata.generation that this is about."""


Conditions = Annotated[list[Condition], Field(max_length=8, json_schema_extra=BY_TYPE)]


class RunTrigger(ResultModel):
    """What started the run."""

    type: Literal["Manual", "Cron", "Release", "Data", "Drift", "Metric"]
    """Manual: no schedule did."""
    name: Annotated[str, StringConstraints(max_length=63)] | None = None
    """The trigger's name in its RetrainSchedule."""
    evidence: Sentence | None = None
    """What the trigger saw."""


class TrainingRunStatus(ResultModel):
    """How the run stands. Written by the operator."""

    observed_generation: Generation | None = None
    """The metadata.generation that this is about."""
    conditions: Conditions = []
    """Succeeded: Unknown until the run ends. Reconciling: while it goes on. Stalled: it failed.
    Promoted: whether its model version serves. Effective: False if a trigger called for a training
    and nothing could change."""
    start_time: Time | None = None
    """When the Job started."""
    completion_time: Time | None = None
    """When the run ended, well or not."""
    attempts: Annotated[int, Field(ge=0, le=MAX_INT32)] | None = None
    """How many pods have been started."""
    job_name: ObjectName | None = None
    """The Job that trains; it has the run's name."""
    job_uid: UID | None = None
    """That Job's uid. Once it is set no other Job is made."""
    pod_name: ObjectName | None = None
    """The pod of the latest attempt."""
    commit: (
        Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9a-f]{40,64}$")] | None
    ) = None
    """The commit that every attempt trains."""
    trigger: RunTrigger | None = None
    """What started the run."""
    stages: Annotated[list[Stage], Field(max_length=256, json_schema_extra=ATOMIC)] = []
    """The stages of the pipeline, in the order they ended."""
    mlflow: MLflowRun | None = None
    """The MLflow run."""
    metrics: Annotated[list[Metric], Field(max_length=1000, json_schema_extra=ATOMIC)] = []
    """The last values of the pipeline's metrics."""
    dvc: DVCState | None = None
    """What was stored."""
    model: ModelVersion | None = None
    """The version that was registered."""


class Carried(ResultModel, extra="allow"):
    """What is read from the status and written again: what a newer operator has added stays."""


class RunSummary(ResultModel):
    """One run of the schedule."""

    name: ObjectName
    """The TrainingRun's name."""
    trigger: Annotated[str, StringConstraints(max_length=63)] | None = None
    """Name of the trigger that started it."""
    reason: Annotated[str, StringConstraints(max_length=1024)] | None = None
    """The reason of its condition Succeeded."""
    promotion: Annotated[str, StringConstraints(max_length=64)] | None = None
    """The reason of its condition Promoted: what became of its model version."""
    start_time: Time | None = None
    """When it started."""
    completion_time: Time | None = None
    """When it ended."""


class Firing(Carried):
    """A reason to train, once: its run's name is made of schedule, trigger, episode and retry."""

    episode: Annotated[str, StringConstraints(max_length=512)]
    """Tag and commit of a release, else the uid of the check that saw it."""
    retry: Annotated[int, Field(ge=0, le=MAX_INT32)] = 0
    """How many runs for it have failed."""
    not_before: Time | None = None
    """When it may be tried again."""
    evidence: Sentence = ""
    """What the trigger saw."""
    tag: Tag | None = None
    """The release that is trained."""
    update: Annotated[
        list[Annotated[str, StringConstraints(max_length=1024)]],
        Field(max_length=64, json_schema_extra=ATOMIC),
    ] = []
    """.dvc imports that its run refreshes first."""
    known: Known | None = None
    """What is known of the trigger once its run has started."""


Firings = Annotated[list[Firing], Field(max_length=MAX_FIRINGS, json_schema_extra=ATOMIC)]


class TriggerStatus(Carried):
    """What a trigger has seen, and what follows from it."""

    name: Annotated[str, StringConstraints(max_length=63)]
    """The trigger's name."""
    type: Literal["Cron", "Release", "Data", "Drift", "Metric"] | None = None
    """Which kind of trigger it is."""
    last_checked: Time | None = None
    """When it was last looked at."""
    last_fired: Time | None = None
    """When it last started a run."""
    seen: Sentence | None = None
    """What was there when it was last looked at."""
    reason: Annotated[str, StringConstraints(max_length=64)] | None = None
    """What the last look has found, or why it could not look, in one word."""
    message: Sentence | None = None
    """Why it fires or does not, or why it could not be looked at."""
    waits: Sentence | None = None
    """Why what is due has not started yet."""
    scores: Annotated[
        list[ColumnScore], Field(max_length=MAX_SCORES, json_schema_extra=ATOMIC)
    ] = []
    """Drift of the columns, the highest first."""
    due: Firings = []
    """Reasons to train that have not started yet."""
    started: Firings = []
    """Those whose runs have not ended."""
    about: Annotated[str, StringConstraints(max_length=16)] | None = None
    """Digest of what `known` is relative to: another repository, say, begins anew."""
    known: Known | None = None
    """What is known of it, for the next look: prints of tags, or ids of data."""


class LastCheck(Carried):
    """The newest check whose report was read."""

    name: ObjectName
    """Its Job."""
    time: Time
    """When that Job was created."""


class RetrainScheduleStatus(ResultModel):
    """How the schedule stands. Written by the operator."""

    observed_generation: Generation | None = None
    """The metadata.generation that this is about."""
    conditions: Conditions = []
    """Ready: its clocks and checks are in place. Stalled: something is wrong that a person must put
    right. Checked: the last check could look at every trigger that is no clock."""
    active: Annotated[list[ObjectName], Field(max_length=MAX_ACTIVE, json_schema_extra=ATOMIC)] = []
    """Names of the runs that have not ended."""
    last_run: RunSummary | None = None
    """The run that started last."""
    last_successful_run: RunSummary | None = None
    """The last run that ended well."""
    last_schedule_time: Time | None = None
    """When the clock last started a run."""
    next_schedule_time: Annotated[str, StringConstraints(max_length=64)] | None = None
    """When the clock starts the next run: RFC 3339. A text, since kubectl prints times as ages."""
    last_check: LastCheck | None = None
    """The newest check whose report was read."""
    champion_version: Annotated[str, StringConstraints(max_length=19)] | None = None
    """The model version that served when the last successful run had ended."""
    triggers: Annotated[list[TriggerStatus], Field(max_length=16, json_schema_extra=BY_NAME)] = []
    """What each trigger has seen."""
