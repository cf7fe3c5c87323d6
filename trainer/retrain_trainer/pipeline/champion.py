"""Measures another model on today's data, in a scratch copy that nothing is recorded from."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dvc.output import Output

from retrain_core.redact import redactor, secrets_in
from retrain_trainer.pipeline import objects
from retrain_trainer.pipeline.metrics import load_numbers
from retrain_trainer.pipeline.model import evaluation_stages
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project, commands
from retrain_trainer.pipeline.scratch import copy_repository


class NotComparableError(Exception):
    """The model cannot be measured on today's data; the text says why."""


def measure(
    project: Project,
    plan: Plan,
    *,
    model: Output,
    other: Path,
    metric: str,
    metrics_file: str,
    scratch: Path,
    environment: Mapping[str, str],
) -> float:
    """Run the evaluation of ``plan`` with ``other`` in the place of ``model``.

    ``other`` is the file or folder of the other model. dvc.lock, the cache and the run cache
    are not touched: the commands of the stages run in ``scratch``, a copy of the project.

    Returns the metric.

    Raises:
        NotComparableError: there is no evaluation apart from training, or it fails.
    """
    names = evaluation_stages(project, plan, model, metrics_file)
    if not names or model.stage.addressing in names:
        raise NotComparableError(
            "the metric is measured by the stage that trains: a stage of its own could measure"
            " the champion too"
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
    # What an evaluation logs belongs to no run: its tracking server is a folder of the copy.
    env = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    env |= {k: v for k, v in environment.items() if not k.startswith("MLFLOW_")}
    env |= {
        "MLFLOW_TRACKING_URI": (scratch / ".retrain-mlruns").as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
    }
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


def _bring_inputs(project: Project, stages: list[object]) -> None:
    produced = project.producers()
    outs = [
        produced[dep.fs_path]
        for stage in stages
        for dep in stage.deps  # type: ignore[attr-defined]
        if dep.fs_path in produced and not produced[dep.fs_path].stage.is_repo_import
    ]
    objects.place(project, [out for out in outs if out.hash_info])


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
