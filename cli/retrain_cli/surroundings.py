"""What a person's shell has around `retrain`: which of it a run is to have, and which not."""

import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed

_OF_OTHER_RUNS = (
    "MLFLOW_RUN_ID",
    "MLFLOW_RUN_NAME",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_ACTIVE_MODEL_ID",
)
"""What code of a stage would join, or register at, in place of our run's."""
PAGE = "https://github.com/retrain-dev/retrain/blob/main/docs/project.md"


def forget_other_runs(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take the MLflow run, experiment and registry out that the person's shell is in."""
    for name in _OF_OTHER_RUNS:
        environment.pop(name, None)


def activate(
    environment: MutableMapping[str, str] = os.environ,
    called: Sequence[str] = sys.argv,
    executable: str = sys.executable,
) -> str | None:
    """Let stages use the environment that `retrain` was called in by its path.

    Returns its folder, or None where what is on PATH counts: that environment is there already,
    or another one was activated. A program that only leads to `retrain`, as pipx makes one,
    brings an environment of its own, which is none for stages.
    """
    folder = Path(executable).parent
    path = environment.get("PATH", "")
    on_path = [Path(entry) for entry in path.split(os.pathsep) if entry]
    if Path(called[0]).absolute().parent != folder or folder in on_path:
        return None
    if not (folder / "python").exists() or _other_is_active(environment, on_path):
        return None
    environment["PATH"] = os.pathsep.join(filter(None, (str(folder), path)))
    environment["VIRTUAL_ENV"] = str(folder.parent)
    return str(folder.parent)


def _other_is_active(environment: MutableMapping[str, str], on_path: list[Path]) -> bool:
    active = environment.get("VIRTUAL_ENV")
    if active is not None and Path(active) / "bin" in on_path:
        return True
    return environment.get("CONDA_DEFAULT_ENV", "base") != "base"


def refuse_no_project(source: Path, *, named: bool) -> None:
    """Tell how to make ``source`` a DVC project, before anything is written there.

    ``named``: whether the person has said that it is the one (`--source`).

    Raises:
        RunFailed: InvalidPipeline.
    """
    elsewhere = "" if named else ", or name the project's folder with --source"
    if not (source / "dvc.yaml").is_file():
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"there is no dvc.yaml in {source}, so there is nothing to run",
            f"Write one, which tells how the model is trained{elsewhere}: {PAGE} has an example.",
        )
    if not any((folder / ".dvc").is_dir() for folder in (source, *source.parents)):
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"{source} has a dvc.yaml, but is no DVC project yet",
            f"Run `dvc init` there{_subfolder(source)} and commit what it writes; see {PAGE}.",
        )


def _subfolder(source: Path) -> str:
    if (source / ".git").exists():
        return ""
    if any((folder / ".git").exists() for folder in source.parents):
        return " with --subdir"
    return " after `git init`"
