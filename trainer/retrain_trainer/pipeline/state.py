"""What DVC knows of a run: its lock files, imports and parameters.

Kept in the store after each stage, so that a later attempt goes on where this one ended, and as the
record of a version, so that `retrain pull` can bring back exactly that.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from dvc.stage.cache import _get_cache_hash
from dvc.stage.serialize import to_single_stage_lockfile
from pydantic import BaseModel, ConfigDict

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.params import parameter_files
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project, commands

LOCK = "dvc.lock"
_RECORDED = {
    *("md5", "etag", "checksum", "hash", "size", "nfiles", "isexec", "files", "cloud"),
    *("version_id", "rev_lock"),
}
"""What DVC writes into a .dvc file when it brings or hashes data; the rest is the team's."""


class PipelineState(BaseModel):
    """Texts by path, relative to the project's folder."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    environment: str
    """Digest of the environment that the stages ran in."""
    locks: dict[str, str] = {}
    imports: dict[str, str] = {}
    params: dict[str, str] = {}
    done: list[str] = []
    """Stages that have ended."""
    written: dict[str, str] = {}
    """MD5 by path of metrics and plots that the stages wrote though they are no outputs."""
    metrics: list[str] = []
    """Which of them are metrics."""
    updated: bool = False
    """Whether imports were updated."""
    commit: str | None = None
    """Of the code."""

    pipeline: str | None = None
    """Digest of what dvc.lock records of the stages of the run: what a version is known by."""

    @property
    def texts(self) -> dict[str, str]:
        """All that is restored, by path."""
        return {**self.locks, **self.imports, **self.params}

    @property
    def lock_md5(self) -> str | None:
        """MD5 of dvc.lock, as `md5sum dvc.lock` prints it; None where there is none."""
        text = self.locks.get(LOCK)
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() if text else None


def capture_state(
    project: Project,
    plan: Plan,
    *,
    environment: str,
    params: Collection[str],
    imports: Collection[str],
    done: Collection[str],
    written: Mapping[str, str],
    metrics: Collection[str],
    commit: str | None,
) -> PipelineState:
    """Read the state from the project's files."""
    locks = {str(Path(stage.path).with_suffix(".lock")) for stage in commands(project.stages())}
    texts = _texts(project, (project.relative(path) for path in sorted(locks)))
    return PipelineState(
        environment=environment,
        locks=texts,
        imports=_texts(project, imports),
        params=_texts(project, params),
        done=sorted(done),
        updated=True,
        written=dict(written),
        metrics=sorted(metrics),
        commit=commit,
        pipeline=_digest(project, plan, written),
    )


def check_state(project: Project, state: PipelineState) -> None:
    """Look at what ``state`` would write, and where.

    Raises:
        RunFailed: InvalidSpec where it names a file that is no lock, import or parameter file of
            the project, or an import that the project has otherwise.
    """
    parameters = parameter_files(project)
    _refuse_other_files(project, state.locks, _is_lock)
    _refuse_other_imports(project, state)
    _refuse_other_files(project, state.params, lambda path: path in parameters)


def restore_state(project: Project, state: PipelineState) -> None:
    """Write the locks, imports and parameters into the project.

    Stages that dvc.yaml no longer has are left out of the locks.

    Raises:
        RunFailed: as :func:`check_state`, with nothing written.
    """
    check_state(project, state)
    restore_locks(project, state)
    restore_imports(project, state)
    for path, text in state.params.items():
        _write(project, path, text)
    project.repo._reset()


def restore_imports(project: Project, state: PipelineState) -> None:
    """Write the imports of ``state`` into the project.

    Raises:
        RunFailed: InvalidSpec for one that the project has not, but for what DVC records in it.
    """
    _refuse_other_imports(project, state)
    for path, text in state.imports.items():
        _write(project, path, text)
    project.repo._reset()


def restore_locks(project: Project, state: PipelineState) -> None:
    """Write the locks of ``state`` into the project."""
    _refuse_other_files(project, state.locks, _is_lock)
    names = {stage.name for stage in commands(project.stages())}
    for path, text in state.locks.items():
        _write(project, path, _pruned(text, names))
    project.repo._reset()


def forget_stages(lock: Path) -> None:
    """Leave in a dvc.lock only the datasets that it pins, or take it away."""
    try:
        content = yaml.safe_load(lock.read_text()) if lock.is_file() else None
    except (yaml.YAMLError, ValueError):
        content = None
    if isinstance(content, dict) and content.get("datasets"):
        content.pop("stages", None)
        lock.write_text(yaml.safe_dump(content, sort_keys=False))
    else:
        lock.unlink(missing_ok=True)


def has_lock(project: Project) -> bool:
    """Whether the project has a dvc.lock."""
    return (project.path / LOCK).is_file()


def _digest(project: Project, plan: Plan, written: Mapping[str, str]) -> str | None:
    """The stages' records without sizes, which DVC leaves out at times."""
    recorded = {
        stage.addressing: _get_cache_hash(to_single_stage_lockfile(stage))
        for stage in plan.pipeline_stages(project)
        if all(out.hash_info for out in stage.outs)
    }
    text = json.dumps([recorded, dict(written)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32] if recorded else None


def _texts(project: Project, paths: Iterable[str]) -> dict[str, str]:
    """As they are: a line end that is read as another would give another MD5."""
    files = ((path, project.path / path) for path in paths)
    return {path: file.read_bytes().decode() for path, file in files if file.is_file()}


def _refuse_other_files(
    project: Project, paths: Iterable[str], known: Callable[[str], bool]
) -> None:
    """Whoever can write to the store must not get to write other files here."""
    root = Path(project.repo.root_dir).resolve()
    for path in paths:
        target = (project.path / path).resolve()
        if not target.is_relative_to(root) or not known(path):
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"the recorded state has {path}, which is no lock, import or parameter file of this"
                " project: is it the commit that was trained?",
            )


def _refuse_other_imports(project: Project, state: PipelineState) -> None:
    """What a .dvc file brings, from where and to which place, is for the commit to say."""
    _refuse_other_files(project, state.imports, _is_import)
    for path, text in state.imports.items():
        own = project.path / path
        if not own.is_file() or _said_by_the_team(own.read_text()) != _said_by_the_team(text):
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"the recorded state has {path} otherwise than this project: its outs or deps are"
                " not the same",
                "Check out the commit that was trained. If that is what you have, somebody has"
                " given the version another record: trust no version of this model.",
            )


def _said_by_the_team(text: str) -> Any:
    """A .dvc file without what DVC records in it; None for what is no YAML."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(each) for key, each in value.items() if key not in _RECORDED}
        return [without(each) for each in value] if isinstance(value, list) else value

    try:
        return without(yaml.safe_load(text))
    except yaml.YAMLError:
        return None


def _is_lock(path: str) -> bool:
    return Path(path).name == LOCK


def _is_import(path: str) -> bool:
    return Path(path).suffix == ".dvc"


def _write(project: Project, path: str, text: str) -> None:
    target = project.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(text.encode())


def _pruned(text: str, names: Collection[str]) -> str:
    content = yaml.safe_load(text)
    if set(content.get("stages", {})) <= set(names):
        return text
    content["stages"] = {k: v for k, v in content["stages"].items() if k in names}
    return yaml.safe_dump(content, sort_keys=False)
