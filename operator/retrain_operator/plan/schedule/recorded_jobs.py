"""Each Job of a clock gets its TrainingRun, once; a deleted record stays deleted."""

import json
from collections.abc import Iterator
from typing import Any

from retrain_core import names
from retrain_core.build.cronjob import cron_job_name, schedule_reference, template_of
from retrain_core.build.job import Owner, owner_reference
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, TRAINING_RUN, Object
from retrain_operator.plan.ending import has_ended
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
            yield Patch(JOB, job, marked(job, run, s.settings.ttl_from_the_start))
        elif mark is None and (TRAINING_RUN, objects.name(job)) not in s.seen.taken:
            template = _template(s, job)
            if template is not None:
                yield Create(TRAINING_RUN, record(s, job, template))


def record(s: Situation, job: Object, template: dict[str, Any]) -> Object:
    """The TrainingRun of ``job``, by the schedule's template when the Job was made."""
    metadata = template.get("metadata") or {}
    clock = objects.controller(job)
    assert clock is not None
    # Not by its labels, which anybody may have changed.
    trigger = str(clock["name"]).removeprefix(cron_job_name(s.seen.owner.name, ""))
    trigger_of_run = {"type": "Cron", "name": trigger, "evidence": _due(job)}
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
                names.TRIGGERED_BY_ANNOTATION: json.dumps(trigger_of_run),
            },
            "ownerReferences": [schedule_reference(s.seen.owner)],
        },
        "spec": template["spec"],
    }


def marked(job: Object, run: Object, ttl: int | None) -> Object:
    """What says on ``job`` that ``run`` is its record, and keeps it while its CronJob goes.

    ``ttl``: not for one that has ended, whose time might be over before its outcome is stored.
    """
    owner = Owner(objects.name(run), objects.namespace(run), objects.uid(run))
    owners = job["metadata"].get("ownerReferences") or []
    spec = {} if ttl is None or has_ended(job) else {"spec": {"ttlSecondsAfterFinished": ttl}}
    return {
        **spec,
        "metadata": {
            "annotations": {names.RECORDED_ANNOTATION: objects.uid(run)},
            "ownerReferences": [*owners, {**owner_reference(owner), "controller": False}],
        },
    }


def _template(s: Situation, job: Object) -> dict[str, Any] | None:
    """That ``job`` was made from; None: it is none that its clock has had."""
    clocks = [item for item in s.seen.cron_jobs if objects.controlled_by(job, item)]
    return template_of(clocks[0], job) if clocks else None


def _due(job: Object) -> str:
    due = objects.annotations(job).get(SCHEDULED)
    return f"due at {due}" if due else "started by hand from the CronJob"
