"""`retrain render`: the Job that the operator would create, by the same code."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from retrain_cli.manifest import read_manifest
from retrain_core.build.job import Owner, TrainerSettings, build_job
from retrain_core.defaults import DefaultsError, check_defaults, effective_spec, problems_of
from retrain_core.names import RELEASE_ANNOTATION
from retrain_core.outcome import Reason, RunFailed

TRAINER_IMAGE = "ghcr.io/retrain-dev/retrain-trainer"


def render_manifest(
    filename: Path, image: str | None, defaults: Path | None, namespace: str | None, form: str
) -> int:
    """Carry out `retrain render`; returns its exit code."""
    try:
        job = _job(filename, image, defaults, namespace)
    except RunFailed as failure:
        print(f"{failure.reason}: {failure.message}", file=sys.stderr)
        print(failure.outcome.remedy, file=sys.stderr)
        return failure.outcome.exit_code
    if form == "json":
        print(json.dumps(job, indent=2))
    else:
        # Through JSON: what stands in two places is written twice, not referred to.
        yaml.safe_dump(json.loads(json.dumps(job)), sys.stdout, sort_keys=False)
    return 0


def _job(
    filename: Path, image: str | None, defaults: Path | None, namespace: str | None
) -> dict[str, Any]:
    run = read_manifest(filename)
    try:
        spec = effective_spec(run.spec.to_api(), _defaults(defaults))
    except ValidationError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"spec.{problems_of(error)}") from None
    except ValueError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"spec.{error}") from None
    metadata = run.metadata
    owner = Owner(
        name=metadata.name or f"{metadata.generate_name}xxxxx",
        namespace=namespace or metadata.namespace or "default",
        uid="",
        release=metadata.annotations.get(RELEASE_ANNOTATION),
    )
    settings = TrainerSettings(image or f"{TRAINER_IMAGE}:{version('retrain')}")
    job = build_job(owner, spec, settings)
    # The run's uid is known once it exists; without it the Job can also be created by hand.
    del job["metadata"]["ownerReferences"]
    return job


def _defaults(file: Path | None) -> dict[str, Any]:
    """The partial spec in a file."""
    if file is None:
        return {}
    try:
        defaults = yaml.safe_load(file.read_text()) or {}
        if not isinstance(defaults, dict):
            raise RunFailed(Reason.INVALID_SPEC, f"{file}: must be a part of a TrainingRun's spec")
        check_defaults(defaults)
    except OSError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{file}: {error.strerror}") from None
    except (DefaultsError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{file}: {error}") from None
    return defaults
