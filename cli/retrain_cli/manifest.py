"""The manifest that a command is given, with what was typed beside it."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import (
    DVC,
    ManifestError,
    RetrainSchedule,
    TrainingRun,
    parse_training_run,
)

TYPED = "Correct what was typed after --set."
Manifest = TypeVar("Manifest", TrainingRun, RetrainSchedule)


def read_manifest(filename: Path, overrides: tuple[str, ...] = ()) -> TrainingRun:
    """The TrainingRun in a file (`-`: standard input), `--set` applied to spec.dvc.params.

    Raises:
        RunFailed: InvalidSpec.
    """
    run = parsed(filename, read_text(filename), parse_training_run)
    params = dict(run.spec.dvc.params)
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator or not key:
            raise RunFailed(Reason.INVALID_SPEC, f"--set {override}: must be KEY=VALUE", TYPED)
        params[key] = _value(value)
    if not overrides:
        return run
    try:
        dvc = DVC.model_validate(run.spec.dvc.to_api() | {"params": params})
    except ValidationError as error:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"--set: {error.errors()[0]['msg']}, in {', '.join(overrides)}",
            TYPED,
        ) from error
    return run.model_copy(update={"spec": run.spec.model_copy(update={"dvc": dvc})})


def read_text(filename: Path) -> str:
    """What stands in a file (`-`: standard input).

    Raises:
        RunFailed: InvalidSpec.
    """
    try:
        return sys.stdin.read() if filename == Path("-") else filename.read_text()
    except OSError as error:
        message = f"{filename}: {error.strerror}"
        raise RunFailed(Reason.INVALID_SPEC, message, "Correct the path after -f.") from error
    except UnicodeDecodeError as error:
        message = f"{filename}: {error}"
        raise RunFailed(Reason.INVALID_SPEC, message, "Save it as UTF-8.") from error


def parsed(filename: Path, text: str, parse: Callable[[str], Manifest]) -> Manifest:
    """What ``parse`` makes of ``text``, with the file's name before each problem.

    Raises:
        RunFailed: InvalidSpec.
    """
    try:
        return parse(text)
    except ManifestError as error:
        problems = error.problems or (error,)
        raise RunFailed(
            Reason.INVALID_SPEC,
            "\n".join(f"{filename}: {problem}" for problem in problems),
            None if all(problem.path for problem in error.problems) else "Correct the manifest.",
        ) from error


def _value(text: str) -> Any:
    """``text`` as YAML has it; a date is a text, as in manifests."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return text if isinstance(value, date) else value
