"""What a container of a run reports: JSON in its termination message.

The exit code is the truth and this is the detail: user code can write to the same file, so a
reader trusts nothing that does not parse.
"""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from retrain_core.outcome import Reason
from retrain_core.spec.base import api_name

POD_BYTES = 12 * 1024
"""What the kubelet keeps of a pod's termination messages, an equal part of each container's."""
BUDGET = 2048
"""Bytes of what we write: whole beside four containers that somebody injects. More of them, and
whole are those that happen to be shorter."""
MAX_BYTES = 4096
"""Bytes of what is read: the kubelet keeps no more of one message."""

MAX_LINE = 1024
MAX_WORD = 256
MAX_STAGES = 256
MAX_METRICS = 1000
Line = Annotated[str, StringConstraints(max_length=MAX_LINE)]
Word = Annotated[str, StringConstraints(max_length=MAX_WORD)]
Number = Annotated[str, StringConstraints(max_length=64)]
MD5 = Annotated[str, StringConstraints(max_length=32, pattern=r"^[0-9a-f]{32}$")]
Version = Annotated[str, StringConstraints(max_length=19, pattern=r"^[0-9]{1,19}$")]
Amount = Annotated[int, Field(ge=0, le=2**53)]
"""What every reader of JSON takes for the same number."""
StageState = Literal["Ran", "Restored", "Unchanged", "Failed"]


class ResultModel(BaseModel):
    model_config = ConfigDict(
        alias_generator=api_name,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class Stage(ResultModel):
    """One stage of the pipeline."""

    name: Word
    """The stage's name in dvc.yaml."""
    state: StageState
    """Ran, Restored from an earlier run, Unchanged, or Failed."""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """How long it took."""


class Metric(ResultModel):
    """A measured value, as text: floats do not survive every JSON reader."""

    name: Word
    """Dotted path in the metrics file; with the file in front where two collide."""
    value: Number
    """The measured value, as text."""


class MLflowRun(ResultModel):
    """The MLflow run."""

    experiment_id: (
        Annotated[str, StringConstraints(max_length=64, pattern=r"^[0-9A-Za-z]{1,64}$")] | None
    ) = None
    """The experiment's id."""
    run_id: MD5 | None = None
    """The run's id."""
    url: Line | None = None
    """Where the run is shown."""


class DVCState(ResultModel):
    """What was stored."""

    lock_md5: MD5 | None = None
    """MD5 of dvc.lock when the pipeline had ended."""
    remote: Line | None = None
    """The DVC remote that has the outputs."""


class ModelVersion(ResultModel):
    """A version of a registered model."""

    name: Word
    """The registered model's name."""
    version: Version | None = None
    """The version that this run registered, or found already there."""
    uri: Line | None = None
    """models:/NAME/VERSION"""
    promoted: bool = False
    """Whether it was the champion when the run had ended."""
    reason: Line | None = None
    """Why it is or is not."""
    previous_version: Version | None = None
    """The champion before the decision."""
    champion_metric: Number | None = None
    """The metric of that champion."""
    candidate_metric: Number | None = None
    """The metric of this version."""


class Result(ResultModel):
    """Everything a container knows of the run when it ends, or so far."""

    reason: Reason | None = None
    """Absent while the run goes on."""
    message: Annotated[str, StringConstraints(max_length=MAX_BYTES)] = ""
    remedy: Line | None = None
    """What to do, where the sentence of the reason's row does not fit."""
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")] | None = None
    mlflow: MLflowRun | None = None
    stages: Annotated[list[Stage], Field(max_length=MAX_STAGES)] = []
    metrics: Annotated[list[Metric], Field(max_length=MAX_METRICS)] = []
    dvc: DVCState | None = None
    model: ModelVersion | None = None

    def dump(self, limit: int = BUDGET) -> str:
        """The JSON form in at most ``limit`` bytes: metrics, then stages, then words are cut."""
        result: Result | None = self
        smallest = self
        while result is not None and len(_json(result).encode()) > limit:
            smallest = result
            result = _smaller(result)
        return _json(result or smallest)


def parse(text: str) -> Result | None:
    """The result in a termination message, or None where there is none to be trusted."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        return None
    try:
        return Result.model_validate_json(text)
    except ValidationError:
        return None


def _json(result: Result) -> str:
    plain = result.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def _smaller(result: Result) -> Result | None:
    """``result`` with half of the least important thing in it; None: nothing is left to cut."""
    for field in ("metrics", "stages", "message"):
        if content := getattr(result, field):
            return result.model_copy(update={field: content[: len(content) // 2]})
    for field, word in (
        ("model", "reason"),
        ("model", "uri"),
        ("dvc", "remote"),
        ("mlflow", "url"),
    ):
        part = getattr(result, field)
        if content := getattr(part, word, None):
            half = content[: len(content) // 2] or None
            return result.model_copy(update={field: part.model_copy(update={word: half})})
    return result.model_copy(update={"remedy": None}) if result.remedy else None
