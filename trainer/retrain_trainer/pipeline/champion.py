"""Measures another model on today's data, in a scratch copy that nothing is recorded from."""

import copy
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.stage import PipelineStage
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from retrain_core.outcome import RunFailed
from retrain_core.redact import redactor, secrets_in, without_secrets
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.evaluation import Evaluation
from retrain_trainer.pipeline.inputs import read_from
from retrain_trainer.pipeline.metrics import load_numbers
from retrain_trainer.pipeline.paths import local_path
from retrain_trainer.pipeline.project import Project, commands
from retrain_trainer.pipeline.scratch import copy_repository
from retrain_trainer.undumpable import undumpable


class NotComparableError(Exception):
    """The model cannot be measured on today's data; the text says why."""


def stored_model(project: Project, model: Output, md5: str, target: Path) -> bool:
    """Bring the model with DVC's hash ``md5`` to ``target``, from the cache or the store.

    Returns whether it is there. ``model`` is today's: what kind of output it is counts.
    """
    other = copy.copy(model)
    other.hash_info = HashInfo("md5", md5)
    other.obj = other.files = None
    try:
        transfer.fetch(project, [other])
        _copy_object(other, target)
    except RunFailed as failure:
        if failure.outcome.passes:
            raise
        return False
    except (DvcException, OSError):
        return False
    return True


def _copy_object(out: Output, target: Path) -> None:
    """Copy what the cache has of ``out`` to ``target``."""
    cache, hash_info = out.cache, out.hash_info
    files = [((), hash_info)]
    if hash_info.isdir:
        target.mkdir(parents=True, exist_ok=True)
        files = [(key, inner) for key, _, inner in Tree.load(cache, hash_info)]
    for key, inner in files:
        path = target.joinpath(*key)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cache.oid_to_path(inner.value), path)


@contextmanager
def lasting_failures_not_comparable() -> Iterator[None]:
    """What passes is raised as it is: a server that is away says nothing of the champion."""
    try:
        yield
    except RunFailed as failure:
        if failure.outcome.passes:
            raise
        raise NotComparableError(failure.message) from failure
    except (DvcException, OSError, ValueError) as error:
        message = " ".join(str(error).split())[:300]
        raise NotComparableError(f"{type(error).__name__}: {message}") from error


@lasting_failures_not_comparable()
def measure(
    project: Project,
    evaluation: Evaluation,
    *,
    model: Output,
    other: Path,
    metric: str,
    metrics_file: str,
    scratch: Path,
    environment: Mapping[str, str],
) -> float:
    """Run ``evaluation`` with ``other`` in the place of ``model``.

    ``other`` is the file or folder of the other model. dvc.lock, the cache and the run cache
    are not touched: the commands of the stages run in ``scratch``, a copy of the project, without
    credentials: what they read is placed before.

    Returns the metric.

    Raises:
        NotComparableError: no other model can be measured so, or the evaluation fails.
        RunFailed: what may go well another time.
    """
    if evaluation.why_not:
        raise NotComparableError(evaluation.why_not)
    names = evaluation.stages
    if other.is_dir() != model.hash_info.isdir:
        kinds = ("a file", "a folder")
        raise NotComparableError(
            f"its model is {kinds[other.is_dir()]}, where {project.relative(model.fs_path)} is"
            f" {kinds[model.hash_info.isdir]}"
        )
    stages = {stage.addressing: stage for stage in commands(project.stages())}
    _bring_inputs(project, [stages[name] for name in names])
    root = Path(project.repo.root_dir)
    scratch = copy_repository(root, scratch)
    _replace(other, scratch / Path(model.fs_path).relative_to(root))
    target = scratch / project.path.relative_to(root) / metrics_file
    for name in names:
        # As DVC does before a stage runs; some may be links into the cache.
        for out in stages[name].outs:
            if out.is_in_repo and not out.persist:
                _remove(scratch / Path(out.fs_path).relative_to(root))
    env = _without_credentials({**os.environ, **environment}) | {
        # What an evaluation logs belongs to no run: its tracking server is a folder of the copy.
        "MLFLOW_TRACKING_URI": (scratch / ".retrain-mlruns").as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
    }
    undumpable()
    for name in names:
        stage = stages[name]
        folder = scratch / Path(stage.wdir).relative_to(root)
        commands_of = stage.cmd if isinstance(stage.cmd, list) else stage.cmd.splitlines()
        for command in commands_of:
            _run(name, command, folder, env)
    try:
        found = load_numbers(metrics_file, target).find(metric)
    except (OSError, ValueError, KeyError) as error:
        raise NotComparableError(f"{metrics_file} was not written: {error}") from error
    if found is None:
        raise NotComparableError(f"{metrics_file} has no {metric}")
    return found[1]


def _without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """For a model that is loaded, and may be code, but comes from another training."""
    kept = without_secrets(environment)
    return {k: v for k, v in kept.items() if not k.startswith(("AWS_", "MLFLOW_"))}


def _bring_inputs(project: Project, stages: list[PipelineStage]) -> None:
    produced = project.producers()
    outs = {
        out.fs_path: out
        for stage in stages
        for dep in stage.deps
        if (path := local_path(dep)) is not None
        for out in read_from(path, produced)
        if out.hash_info and not out.stage.is_repo_import
    }
    transfer.place(project, outs.values())


def _run(name: str, command: str, folder: Path, env: Mapping[str, str]) -> None:
    shell = os.environ.get("SHELL") or "/bin/sh"
    done = subprocess.run(
        [shell, "-c", command],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        # This text becomes a tag of the version.
        redact = redactor(secrets_in(os.environ))
        last = redact(" | ".join(done.stdout.splitlines()[-3:]))
        raise NotComparableError(
            f"stage {name} with the champion's model exited with {done.returncode}: {last}"
        )


def _replace(source: Path, target: Path) -> None:
    _remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
