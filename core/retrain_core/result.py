"""What a container of a run reports: JSON in its termination message, at most 4096 bytes.

The exit code is the truth and this is the detail: user code can write to the same file, so a
reader trusts nothing that does not parse.
"""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from retrain_core.outcome import Reason
from retrain_core.spec.base import api_name

MAX_BYTES = 4096
"""What the kubelet keeps of a termination message."""

MAX_LINE = 1024
MAX_WORD = 256
MAX_STAGES = 256
MAX_METRICS = 1000
Line = Annotated[str, StringConstraints(max_length=MAX_LINE)]
Word = Annotated[str, StringConstraints(max_length=MAX_WORD)]
StageState = Literal["Ran", "Restored", "Unchanged", "Failed"]


class ResultModel(BaseModel):
    model_config = ConfigDict(
        alias_generator=api_name, extra="forbid", frozen=True, populate_by_name=True
    )


class Stage(ResultModel):
    name: Word
    state: StageState
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Metric(ResultModel):
    """A measured value, as text: floats do not survive every JSON reader."""

    name: Word
    value: Annotated[str, StringConstraints(max_length=64)]


class MLflowRun(ResultModel):
    experiment_id: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,64}$")] | None = None
    run_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    url: Line | None = None


class DVCState(ResultModel):
    lock_md5: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    remote: Line | None = None


class ModelVersion(ResultModel):
    name: Word
    version: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")] | None = None
    uri: Line | None = None
    promoted: bool = False
    reason: Line | None = None
    previous_version: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")] | None = None
    champion_metric: Annotated[str, StringConstraints(max_length=64)] | None = None
    candidate_metric: Annotated[str, StringConstraints(max_length=64)] | None = None


class Result(ResultModel):
    """Everything a container knows of the run when it ends, or so far."""

    reason: Reason | None = None
    """Absent while the run goes on."""
    message: Annotated[str, StringConstraints(max_length=MAX_BYTES)] = ""
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")] | None = None
    mlflow: MLflowRun | None = None
    stages: Annotated[list[Stage], Field(max_length=MAX_STAGES)] = []
    metrics: Annotated[list[Metric], Field(max_length=MAX_METRICS)] = []
    dvc: DVCState | None = None
    model: ModelVersion | None = None

    def dump(self, limit: int = MAX_BYTES) -> str:
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
    return None
