"""The run of a firing: its name is the lock, so that whatever crashes there is one."""

import hashlib
import json
from typing import Any

from pydantic import ValidationError

from retrain_core import names
from retrain_core.build.cronjob import Schedule, cron_job_name, schedule_reference
from retrain_core.crd.status import Firing
from retrain_core.result import ResultModel
from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN, Object


class Origin(ResultModel):
    """What a run says of the firing that it is for."""

    trigger: str
    episode: str
    retry: int = 0


def run_name(schedule: Schedule, trigger: str, firing: Firing) -> str:
    """At most 51 + 2 + 10 characters."""
    return _name(schedule, Origin(trigger=trigger, episode=firing.episode, retry=firing.retry))


def origin_of(run: Object, schedule: Schedule) -> Origin | None:
    """What ``run`` was started for; None where it was not, whatever a copy of one may say."""
    message = objects.annotations(run).get(names.FIRING_ANNOTATION)
    if message is None:
        return None
    try:
        origin = Origin.model_validate_json(message, extra="ignore")
    except ValidationError:
        return None
    return origin if objects.name(run) == _name(schedule, origin) else None


def triggered_run(
    schedule: Schedule, template: dict[str, Any], trigger: str, type_: str, firing: Firing
) -> Object:
    """The TrainingRun of ``firing``, from the schedule's runTemplate in the API's form."""
    metadata = template.get("metadata") or {}
    trigger_of_run = {"type": type_, "name": trigger, "evidence": firing.evidence}
    origin = Origin(trigger=trigger, episode=firing.episode, retry=firing.retry)
    annotations = {
        **metadata.get("annotations", {}),
        names.FIRING_ANNOTATION: origin.model_dump_json(),
        names.TRIGGERED_BY_ANNOTATION: json.dumps(trigger_of_run),
    }
    if firing.tag is not None:
        annotations[names.RELEASE_ANNOTATION] = firing.tag.name
    return {
        "apiVersion": TRAINING_RUN.api_version,
        "kind": TRAINING_RUN.name,
        "metadata": {
            "name": _name(schedule, origin),
            "namespace": schedule.namespace,
            "labels": {
                **metadata.get("labels", {}),
                names.SCHEDULE_LABEL: schedule.name,
                names.TRIGGER_LABEL: trigger,
            },
            "annotations": annotations,
            "ownerReferences": [schedule_reference(schedule)],
        },
        "spec": _spec(template["spec"], firing),
    }


def _spec(template: dict[str, Any], firing: Firing) -> dict[str, Any]:
    spec = dict(template)
    source = spec["source"]
    if firing.tag is not None and "git" in source:
        spec["source"] = {**source, "git": {**source["git"], "revision": firing.tag.commit}}
    if firing.update:
        dvc = spec.get("dvc") or {}
        update = list(dict.fromkeys((*dvc.get("update", ()), *firing.update)))
        spec["dvc"] = {**dvc, "update": update}
    return spec


def _name(schedule: Schedule, origin: Origin) -> str:
    identity = json.dumps([schedule.uid, origin.trigger, origin.episode, origin.retry])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:10]
    return f"{cron_job_name(schedule.name, origin.trigger)}-{digest}"
