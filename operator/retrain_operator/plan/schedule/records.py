"""Each Job of a clock gets its TrainingRun, once; a deleted record stays deleted."""

import json
from collections.abc import Iterator
from typing import Any

from retrain_core import names
from retrain_core.build.cronjob import schedule_reference
from retrain_core.build.job import Owner, owner_reference
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, TRAINING_RUN, Object
from retrain_operator.plan.ownership import made_for, recorded_by
from retrain_operator.plan.schedule.types import Action, Create, Delete, Patch, Situation

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
"""Set by Kubernetes on each Job of a CronJob: when it was due."""


def records(s: Situation) -> Iterator[Action]:
    """The runs that are missing, the marks that are, and the Jobs whose run was deleted."""
    made = {made_for(run): run for run in s.seen.runs}
    for job in s.seen.jobs:
        if objects.being_deleted(job):
            continue
        run, mark = made.get(objects.uid(job)), recorded_by(job)
        if mark in s.seen.gone:
            yield Delete(JOB, job)
        elif mark is None and run is not None:
            yield Patch(JOB, job, marked(job, run))
        elif mark is None and objects.name(job) not in s.seen.taken:
            yield Create(TRAINING_RUN, record(s, job))


def record(s: Situation, job: Object) -> Object:
    """The TrainingRun of ``job``, as the schedule was when the Job was made."""
    template = _template(s, job)
    metadata = template.get("metadata") or {}
    labels = objects.labels(job)
    trigger = labels[names.TRIGGER_LABEL]
    said = {"type": "Cron", "name": trigger, "evidence": _due(job)}
    return {
        "apiVersion": TRAINING_RUN.api_version,
        "kind": TRAINING_RUN.name,
        "metadata": {
            "name": objects.name(job),
            "namespace": objects.namespace(job),
            "labels": {
                **metadata.get("labels", {}),
                names.SCHEDULE_LABEL: s.seen.owner.name,
                names.TRIGGER_LABEL: trigger,
            },
            "annotations": {
                **metadata.get("annotations", {}),
                names.JOB_UID_ANNOTATION: objects.uid(job),
                names.TRIGGERED_BY_ANNOTATION: json.dumps(said),
            },
            "ownerReferences": [schedule_reference(s.seen.owner)],
        },
        "spec": template["spec"],
    }


def marked(job: Object, run: Object) -> Object:
    """What says on ``job`` that ``run`` is its record, and keeps it while its CronJob goes."""
    owner = Owner(objects.name(run), objects.namespace(run), objects.uid(run))
    owners = job["metadata"].get("ownerReferences") or []
    return {
        "metadata": {
            "annotations": {names.RECORDED_ANNOTATION: objects.uid(run)},
            "ownerReferences": [*owners, {**owner_reference(owner), "controller": False}],
            # A list is replaced whole: not if anybody has changed it meanwhile.
            "resourceVersion": job["metadata"]["resourceVersion"],
        }
    }


def _template(s: Situation, job: Object) -> dict[str, Any]:
    said = objects.annotations(job).get(names.RUN_TEMPLATE_ANNOTATION, "")
    try:
        found = json.loads(said)
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("spec"), dict):
        return found
    template: dict[str, Any] = s.seen.raw["runTemplate"]
    return template


def _due(job: Object) -> str:
    due = objects.annotations(job).get(SCHEDULED)
    return f"due at {due}" if due else "started by hand from the CronJob"
