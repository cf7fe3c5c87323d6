"""Results of stages, kept in the store when a stage ends and found again by any later run.

One entry each, `retrain/results/<key>/<environment>/<time>-<value>`: `key` is DVC's for the
stage's command, dependencies and parameters, `environment` the digest of what is installed,
`value` DVC's for what came out. The newest by name counts. For stages whose inputs do not say
what comes out (`persist`, `always_changed`, no outputs, data outside) the key is that of the stage
in its project: the newest entry is what they go on from.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dvc.schema import COMPILED_LOCK_FILE_STAGE_SCHEMA
from dvc.stage import PipelineStage
from dvc.stage.cache import _get_cache_hash
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_single_stage_lockfile
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from voluptuous import Invalid

from retrain_trainer.pipeline import entries
from retrain_trainer.pipeline.project import Project, commands

FOLDER = "retrain/results"


class StageResult(BaseModel):
    """What a stage has written, and where else it left traces."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    lock: dict[str, Any]
    """The stage's entry of dvc.lock."""
    children: list[str] = []
    """MLflow runs that the stage's code made."""
    written: dict[str, str] = {}
    """MD5 by path of metrics and plots that it wrote though they are no outputs."""
    metrics: list[str] = []
    """Which of them are metrics: the dvc.yaml that says so may be written by the stage too."""
    committed: str = ""
    """DVC's hash of what the repository's own dvc.lock had of the stage then."""

    @field_validator("lock")
    @classmethod
    def _as_in_dvc_lock(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            return dict(COMPILED_LOCK_FILE_STAGE_SCHEMA(value))
        except Invalid as error:
            raise ValueError(str(error)) from None


@dataclass(frozen=True)
class Found:
    """What the store has under a key."""

    result: StageResult | None
    """The newest of this environment."""
    elsewhere: bool
    """Whether there is one of another environment only."""


class Results:
    """The results of one environment in the stores of a project."""

    def __init__(self, project: Project, environment: str, pipeline: str) -> None:
        self._project = project
        self._environment = environment
        self._pipeline = pipeline
        """Tells the projects apart that share a store."""

    def find(self, stage: PipelineStage, key: str | None) -> Found:
        """The result under ``key``; for a stage without one, the newest that it has written."""
        folder = f"{FOLDER}/{key or self._newest_key(stage.addressing)}"
        others = False
        for name in sorted(entries.list_names(self._project, folder), key=_age, reverse=True):
            environment = name.split("/")[0]
            if environment != self._environment:
                others = True
                continue
            result = self._read(f"{folder}/{name}")
            if result is not None and _fits(stage, result):
                return Found(result, elsewhere=False)
        return Found(None, elsewhere=others)

    def store(self, addressing: str, key: str | None, result: StageResult) -> None:
        """Keep what a stage has written.

        Raises:
            RunFailed: the store does not take it.
        """
        value = value_of(result)
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        folder = f"{FOLDER}/{key or self._newest_key(addressing)}/{self._environment}"
        text = result.model_dump_json(exclude_defaults=True)
        entries.store_text(self._project, f"{folder}/{now}-{value}", text)

    def _read(self, path: str) -> StageResult | None:
        text = entries.read_text(self._project, path)
        try:
            return StageResult.model_validate_json(text) if text else None
        except ValidationError:
            return None

    def _newest_key(self, addressing: str) -> str:
        text = f"{self._pipeline}\n{addressing}"
        return f"newest-{hashlib.sha256(text.encode()).hexdigest()}"


def committed_values(project: Project) -> dict[str, str]:
    """Addressing of each stage that dvc.lock has -> DVC's hash of what it has."""
    return {
        stage.addressing: value_of(result_of(stage))
        for stage in commands(project.stages())
        if all(out.hash_info for out in stage.outs) and (stage.outs or _is_recorded(stage))
    }


def _is_recorded(stage: PipelineStage) -> bool:
    return all(dep.hash_info for dep in stage.deps)


def value_of(result: StageResult) -> str:
    """DVC's hash of what came out, and of what it came out of."""
    return str(_get_cache_hash(dict(result.lock)))


def result_of(stage: PipelineStage) -> StageResult:
    """What ``stage`` has written, as recorded."""
    return StageResult(lock=_plain(to_single_stage_lockfile(stage)))


def adopt(stage: PipelineStage, result: StageResult) -> bool:
    """Let ``stage`` have ``result`` as its own; returns whether dvc.lock has it already."""
    before = [out.hash_info for out in stage.outs]
    command_changed = stage.cmd_changed
    StageLoader.fill_from_lock(stage, result.lock)
    stage.cmd_changed = result.lock.get("cmd") != stage.cmd
    unchanged = before == [out.hash_info for out in stage.outs]
    return unchanged and command_changed == stage.cmd_changed


def _fits(stage: PipelineStage, result: StageResult) -> bool:
    """Whether it says of each output of the stage what it holds, and of nothing else."""
    paths = {out.def_path for out in stage.outs}
    return {out["path"] for out in result.lock.get("outs", [])} == paths


def _age(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
