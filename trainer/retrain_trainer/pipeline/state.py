"""What DVC knows of a run: its lock files, imports and parameters.

Kept with the MLflow run after each stage, so that a later attempt goes on where this one ended,
and `retrain pull` can bring back exactly this version.
"""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.params import parameter_files
from retrain_trainer.pipeline.project import Project, commands

LOCK = "dvc.lock"


class PipelineState(BaseModel):
    """Texts by path, relative to the project's folder."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    environment: str
    """Digest of the environment that the stages ran in."""
    locks: dict[str, str] = {}
    imports: dict[str, str] = {}
    params: dict[str, str] = {}
    forced: list[str] = []
    """Forced stages that have ended."""
    force_all: bool = False
    """Whether every stage is forced, as the environment is another one."""
    updated: bool = False
    """Whether imports were updated."""

    @property
    def lock_md5(self) -> str | None:
        """MD5 of dvc.lock, as `md5sum dvc.lock` prints it; None where there is none."""
        text = self.locks.get(LOCK)
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() if text else None


def capture_state(
    project: Project,
    *,
    environment: str,
    params: Collection[str],
    imports: Collection[str],
    forced: Collection[str],
    force_all: bool,
) -> PipelineState:
    """Read the state from the project's files."""
    locks = {str(Path(stage.path).with_suffix(".lock")) for stage in commands(project.stages())}
    return PipelineState(
        environment=environment,
        locks=_texts(project, (project.relative(path) for path in sorted(locks))),
        imports=_texts(project, imports),
        params=_texts(project, params),
        forced=sorted(forced),
        force_all=force_all,
        updated=True,
    )


def restore_state(project: Project, state: PipelineState, *, everything: bool) -> None:
    """Write the locks, and with ``everything`` the imports and parameters, into the project.

    Stages that dvc.yaml no longer has are left out of the locks.

    Raises:
        RunFailed: InvalidSpec where the state names a file that is none of these.
    """
    _refuse_other_files(project, state)
    names = {stage.name for stage in commands(project.stages())}
    for path, text in state.locks.items():
        _write(project, path, _pruned(text, names))
    if everything:
        for path, text in (state.imports | state.params).items():
            _write(project, path, text)
    project.repo._reset()


def current_lock_md5(project: Project) -> str | None:
    """MD5 of the dvc.lock that the project has now."""
    return PipelineState(environment="", locks=_texts(project, [LOCK])).lock_md5


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


def _texts(project: Project, paths: Any) -> dict[str, str]:
    return {
        path: (project.path / path).read_text() for path in paths if (project.path / path).is_file()
    }


def _refuse_other_files(project: Project, state: PipelineState) -> None:
    """Whoever can write to the tracking server must not get to write other files here."""
    root = Path(project.repo.root_dir).resolve()
    strange = [path for path in state.locks if Path(path).name != LOCK]
    strange += [path for path in state.imports if Path(path).suffix != ".dvc"]
    strange += sorted(set(state.params) - set(parameter_files(project)))
    for path in (*state.locks, *state.imports, *state.params):
        target = (project.path / path).resolve()
        if not target.is_relative_to(root) or path in strange:
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"the recorded state has {path}, which is no lock, import or parameter file of this"
                " project: is it the commit that was trained?",
            )


def _write(project: Project, path: str, text: str) -> None:
    target = project.path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def _pruned(text: str, names: Collection[str]) -> str:
    content = yaml.safe_load(text)
    if set(content.get("stages", {})) <= set(names):
        return text
    content["stages"] = {k: v for k, v in content["stages"].items() if k in names}
    return yaml.safe_dump(content, sort_keys=False)
