"""What a stage reads: each dependency by the content that is meant, and the key of its result.

A dependency that happens to lie on the disk may be part of a folder, or of another state of the
project. What counts is the hash that its producer has recorded.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dvc.dependency import Dependency, ParamsDependency
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.stage import PipelineStage
from dvc.stage.cache import _get_cache_hash
from dvc.stage.serialize import to_single_stage_lockfile

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.paths import local_path, related
from retrain_trainer.pipeline.project import Project


@dataclass(frozen=True)
class Inputs:
    """What a stage reads now."""

    as_recorded: bool
    """Whether dvc.lock has these inputs, this command and outputs to go with them."""
    key: str | None
    """DVC's key for the result; None where DVC stores no results of the stage."""


def read_inputs(project: Project, stage: PipelineStage, outs: Mapping[str, Output]) -> Inputs:
    """Look at what ``stage`` reads now; its dependencies then carry the hashes that were found.

    ``outs``: absolute path -> each output of the project, as recorded by now. A folder that
    several of them make up is brought onto the disk for it.

    Raises:
        RunFailed: DataMissing, or InvalidPipeline where a parameter is not there.
    """
    recorded = not stage.changed_stage() and all(out.hash_info for out in stage.outs)
    for dep in stage.deps:
        recorded &= not _renewed(project, stage, dep, outs)
    key = None
    if has_key(stage):
        key = _key(project, stage)
    return Inputs(as_recorded=recorded, key=key)


def _key(project: Project, stage: PipelineStage) -> str:
    """DVC's key knows paths from the stage's folder alone; what it reads unsaid lies there too."""
    key = str(_get_cache_hash(to_single_stage_lockfile(stage), key=True))
    folder = project.relative_to_root(stage.wdir)
    return key if folder == "." else hashlib.sha256(f"{key} {folder}".encode()).hexdigest()


def has_key(stage: PipelineStage) -> bool:
    """Whether what the stage reads says what comes out, by DVC's own rule for its run cache."""
    if stage.is_callback or stage.always_changed or stage.frozen:
        return False
    if not (stage.cmd and stage.deps and stage.outs):
        return False
    if any(local_path(dep) is None for dep in stage.deps):
        return False
    return all(
        local_path(out) is not None and not out.persist and out.is_in_repo for out in stage.outs
    )


def read_from(path: str, outs: Mapping[str, Output]) -> list[Output]:
    """The outputs that the file or folder ``path`` is, lies in, or is made up of."""
    if path in outs:
        return [outs[path]]
    return [out for place, out in outs.items() if related(path, place)]


def _renewed(
    project: Project, stage: PipelineStage, dep: Dependency, outs: Mapping[str, Output]
) -> bool:
    """Give ``dep`` the hash of what is meant; returns whether dvc.lock has another."""
    before = dep.hash_info
    path = local_path(dep)
    if path is None:
        # An object in a bucket, a table, a dataset: DVC asks it itself.
        return bool(dep.status())
    if isinstance(dep, ParamsDependency):
        dep.hash_info = _parameters(stage, dep)
        return not _equal(before.value, dep.hash_info.value)
    producers = read_from(path, outs)
    if len(producers) == 1 and producers[0].fs_path == path and producers[0].hash_info:
        producer = producers[0]
        dep.hash_name, dep.hash_info, dep.meta = (
            producer.hash_name,
            producer.hash_info,
            producer.meta,
        )
    else:
        transfer.place(project, _recorded(producers))
        if not dep.exists:
            raise RunFailed(
                Reason.DATA_MISSING,
                f"stage {stage.addressing} depends on {project.relative(path)}, which is not there",
            )
        dep.meta, dep.hash_info = dep._get_hash_meta()
    return bool(before != dep.hash_info)


def _recorded(outs: Iterable[Output]) -> list[Output]:
    return [out for out in outs if out.hash_info]


def _parameters(stage: PipelineStage, dep: ParamsDependency) -> Any:
    try:
        return dep.get_hash()
    except DvcException as error:
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"stage {stage.addressing}: {' '.join(str(error).split())}",
        ) from error


def _equal(recorded: Any, present: Any) -> bool:
    """Whether values are the same in dvc.lock, where a tuple is a list."""
    return json.dumps(recorded, sort_keys=True, default=str) == json.dumps(
        present, sort_keys=True, default=str
    )
