"""Each Job of a clock gets its TrainingRun, once; a deleted record stays deleted."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from retrain_core import names
from retrain_core.build.cronjob import cron_job_name, schedule_reference
from retrain_core.build.job import Owner, owner_reference
from retrain_core.spec.retrain_schedule import RunTemplate
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, TRAINING_RUN, Object
from retrain_operator.plan.ownership import is_record, recorded_by
from retrain_operator.plan.schedule.types import Action, Create, Delete, Patch, Situation

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
"""Set by Kubernetes on each Job of a CronJob: when it was due."""


def records(s: Situation) -> Iterator[Action]:
    """The runs that are missing, the marks that are, and the Jobs whose run was deleted."""
    made = {objects.name(run): run for run in s.seen.runs}
    for job in s.seen.jobs:
        if objects.being_deleted(job):
            continue
        run, mark = made.get(objects.name(job)), recorded_by(job)
        if mark in s.seen.gone:
            yield Delete(JOB, job)
        elif mark is None and run is not None and is_record(run, job):
            yield Patch(JOB, job, marked(job, run))
        elif mark is None and (TRAINING_RUN, objects.name(job)) not in s.seen.taken:
            yield Create(TRAINING_RUN, record(s, job))


def record(s: Situation, job: Object) -> Object:
    """The TrainingRun of ``job``, as the schedule was when the Job was made."""
    template = _template(s, job)
    metadata = template.get("metadata") or {}
    clock = objects.controller(job)
    assert clock is not None
    # Not by its labels, which anybody may have changed.
    trigger = str(clock["name"]).removeprefix(cron_job_name(s.seen.owner.name, ""))
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
        return RunTemplate.model_validate_json(said).to_api()
    except ValidationError:
        # Changed by somebody, or by hand.
        return s.seen.run_template


def _due(job: Object) -> str:
    due = objects.annotations(job).get(SCHEDULED)
    return f"due at {due}" if due else "started by hand from the CronJob"
