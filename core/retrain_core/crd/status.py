"""The status of both kinds, as the API server is to know it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from retrain_core.result import DVCState, Metric, MLflowRun, ModelVersion, ResultModel, Stage
from retrain_core.spec.base import MAX_INT32

MAX_ACTIVE = 100

Generation = Annotated[int, Field(ge=0, le=2**53, json_schema_extra={"format": "int64"})]
Time = Annotated[datetime, Field(json_schema_extra={"maxLength": 32})]
ObjectName = Annotated[str, StringConstraints(max_length=253)]
Sentence = Annotated[str, StringConstraints(max_length=1024)]
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
    """Succeeded: Unknown until the run ends. Reconciling: while it goes on. Stalled: it failed."""
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


class RunSummary(ResultModel):
    """One run of the schedule."""

    name: ObjectName
    """The TrainingRun's name."""
    reason: Annotated[str, StringConstraints(max_length=1024)] | None = None
    """The reason of its condition Succeeded."""
    start_time: Time | None = None
    """When it started."""
    completion_time: Time | None = None
    """When it ended."""


class TriggerStatus(ResultModel):
    """What a trigger has seen."""

    name: Annotated[str, StringConstraints(max_length=63)]
    """The trigger's name."""
    last_checked: Time | None = None
    """When it was last looked at."""
    last_fired: Time | None = None
    """When it last started a run."""
    seen: Sentence | None = None
    """What was there when it was last looked at."""
    message: Sentence | None = None
    """Why it fired or did not, or why it could not be looked at."""


class RetrainScheduleStatus(ResultModel):
    """How the schedule stands. Written by the operator."""

    observed_generation: Generation | None = None
    """The metadata.generation that this is about."""
    conditions: Conditions = []
    """Ready: its clocks and checks are in place. Reconciling: not yet. Stalled: something is
    wrong that a person must put right."""
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
    champion_version: Annotated[str, StringConstraints(max_length=19)] | None = None
    """The model version that served when the last successful run had ended."""
    triggers: Annotated[list[TriggerStatus], Field(max_length=16, json_schema_extra=BY_NAME)] = []
    """What each trigger has seen."""
