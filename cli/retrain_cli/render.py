"""`retrain render`: the Job or CronJobs that the operator would create, by the same code."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from retrain_cli.manifest import parsed, read_text
from retrain_cli.printable import as_json, as_yaml, print_failure
from retrain_core.build.check import build_check
from retrain_core.build.cronjob import Schedule, build_cron_job
from retrain_core.build.job import Owner, TrainerSettings, build_job
from retrain_core.defaults import DefaultsError, check_defaults, effective_spec, problems_of
from retrain_core.evidence import looked_at
from retrain_core.names import DISTRIBUTION, RELEASE_ANNOTATION
from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import (
    RetrainSchedule,
    TrainingRun,
    parse_retrain_schedule,
    parse_training_run,
)

TRAINER_IMAGE = "ghcr.io/retrain-dev/retrain-trainer"
_DEFAULTS = "Correct the file after --defaults."


def render_manifest(
    filename: Path, image: str | None, defaults: Path | None, namespace: str | None, form: str
) -> int:
    """Carry out `retrain render`; returns its exit code."""
    try:
        objects = _rendered(filename, image, defaults, namespace)
    except RunFailed as failure:
        return print_failure(failure)
    # Through JSON: what stands in two places is written twice, not referred to.
    objects = json.loads(json.dumps(objects))
    if form == "yaml":
        sys.stdout.write(as_yaml(*objects))
    elif len(objects) == 1:
        sys.stdout.write(as_json(objects[0]))
    else:
        sys.stdout.write(as_json({"apiVersion": "v1", "kind": "List", "items": objects}))
    return 0


def _rendered(
    filename: Path, image: str | None, defaults: Path | None, namespace: str | None
) -> list[dict[str, Any]]:
    """The Job of a TrainingRun, or the CronJobs of a RetrainSchedule."""
    text = read_text(filename)
    settings = TrainerSettings(image or f"{TRAINER_IMAGE}:{version(DISTRIBUTION)}")
    common = _defaults(defaults)
    is_schedule = _kind(text) == "RetrainSchedule"
    place = "spec.runTemplate.spec" if is_schedule else "spec"
    try:
        if is_schedule:
            schedule = parsed(filename, text, parse_retrain_schedule)
            made = _cron_jobs(schedule, common, settings, namespace)
        else:
            made = [_job(parsed(filename, text, parse_training_run), common, settings, namespace)]
    except ValidationError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{place}.{problems_of(error)}") from None
    except ValueError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{place}.{error}") from None
    for item in made:
        # The owner's uid is known once it exists; without it all can also be created by hand.
        del item["metadata"]["ownerReferences"]
        # The operator would take it for one that a deleted schedule has let go.
        item["metadata"].pop("annotations", None)
    return made


def _kind(text: str) -> Any:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        # The parser of the kind says it better.
        return None
    return content.get("kind") if isinstance(content, dict) else None


def _job(
    run: TrainingRun, defaults: dict[str, Any], settings: TrainerSettings, namespace: str | None
) -> dict[str, Any]:
    metadata = run.metadata
    owner = Owner(
        name=metadata.name or f"{metadata.generate_name}xxxxx",
        namespace=namespace or metadata.namespace or "default",
        uid="",
        release=metadata.annotations.get(RELEASE_ANNOTATION),
    )
    return build_job(owner, effective_spec(run.spec.to_api(), defaults), settings)


def _cron_jobs(
    schedule: RetrainSchedule,
    defaults: dict[str, Any],
    settings: TrainerSettings,
    namespace: str | None,
) -> list[dict[str, Any]]:
    metadata, spec = schedule.metadata, schedule.spec
    owner = Schedule(metadata.name or "", namespace or metadata.namespace or "default", "")
    template = spec.run_template.to_api()
    made = [
        build_cron_job(owner, spec, trigger, template, defaults, settings)
        for trigger in spec.triggers
        if trigger.cron is not None
    ]
    if looked_at(spec.triggers):
        made.append(build_check(owner, spec, template, {}, defaults, settings))
    return made


def _defaults(file: Path | None) -> dict[str, Any]:
    """The partial spec in a file."""
    if file is None:
        return {}
    try:
        defaults = yaml.safe_load(file.read_text()) or {}
        if not isinstance(defaults, dict):
            message = f"{file}: must be a part of a TrainingRun's spec"
            raise RunFailed(Reason.INVALID_SPEC, message, _DEFAULTS)
        check_defaults(defaults)
    except OSError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{file}: {error.strerror}", _DEFAULTS) from None
    except (DefaultsError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{file}: {error}", _DEFAULTS) from None
    return defaults
