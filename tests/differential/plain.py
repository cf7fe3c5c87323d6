"""`dvc repro` in a plain clone that is kept with its cache: what should happen."""

from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo

from differential.clones import content, own_process_state, remove
from differential.project import Project
from differential.steps import Step


def tidy(folder: Path, before: Project | None, step: Step) -> None:
    """Delete what the step deletes, and outputs that no stage has any more."""
    dropped = set(before.outputs()) - set(step.project.outputs()) if before else set()
    for path in (*sorted(dropped), *step.deleted):
        remove(folder / path)


def reproduce(folder: Path) -> str | None:
    """Run `dvc repro`; returns why it failed."""
    with own_process_state(folder), Repo(str(folder)) as repo:
        try:
            repo.reproduce()
        except DvcException as error:
            return _innermost(error)
    return None


def outputs(folder: Path, project: Project) -> dict[str, dict[str, bytes]]:
    """Path of each output -> its files."""
    found = {path: content(folder / path) for path in project.outputs()}
    return {path: dict(files or {}) for path, files in found.items()}


def _innermost(error: BaseException) -> str:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
