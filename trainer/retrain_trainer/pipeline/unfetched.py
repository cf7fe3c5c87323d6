"""What a clone may lack: files that Git LFS keeps, and submodules."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from dvc.stage import Stage

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.git_access import git_settings, without_git
from retrain_trainer.pipeline.paths import local_path
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pointers import pointers_below, some_of

_EMPTY = "which is a git submodule and empty here: run `git submodule update --init`"
_POINTERS = "of which only the pointer of Git LFS is here, not the content: run `git lfs pull`"


def refuse_unfetched(project: Project, stages: Iterable[Stage]) -> None:
    """Make sure that no stage would train on a pointer file or an empty submodule.

    Raises:
        RunFailed: SourceNotFound, with the names of the stage and of what it lacks.
    """
    outputs = project.producers()
    empty = _empty_submodules(Path(project.repo.root_dir))
    for stage in stages:
        for dep in stage.deps:
            if (place := local_path(dep)) is None or place in outputs:
                continue
            path = Path(place)
            lost = [
                folder
                for folder in empty
                if folder.is_relative_to(path) or path.is_relative_to(folder)
            ]
            if lost:
                raise _refusal(project, stage, lost, _EMPTY)
            pointers = [found for found in pointers_below(path) if str(found) not in outputs]
            if pointers:
                raise _refusal(project, stage, pointers, _POINTERS)


def _refusal(project: Project, stage: Stage, paths: Iterable[Path], what: str) -> RunFailed:
    names = some_of(project.relative(str(path)) for path in paths)
    return RunFailed(
        Reason.SOURCE_NOT_FOUND, f"stage {stage.addressing} depends on {names}, {what}"
    )


def _empty_submodules(folder: Path) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "--stage", "-z"],
        cwd=folder,
        env=without_git(os.environ)
        | git_settings({"safe.directory": "*", "core.fsmonitor": "false"}),
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    lines = (line.partition("\t") for line in done.stdout.split("\0"))
    paths = [folder / path for entry, _, path in lines if entry.startswith("160000 ")]
    return [path for path in paths if not path.is_dir() or not any(path.iterdir())]
