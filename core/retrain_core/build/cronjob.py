"""The CronJob of a cron trigger: its Jobs are a trainer's, whether the operator is up or not."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from retrain_core import names
from retrain_core.build.job import TrainerSettings, job_template, managed
from retrain_core.defaults import effective_spec
from retrain_core.spec import API_VERSION
from retrain_core.spec.retrain_schedule import CHECK, Cron, RetrainScheduleSpec, Trigger

HISTORY_LIMIT = 100
"""Of Jobs, for Kubernetes: the operator records each first and then sets its TTL."""
CLOCK_FIELDS = (
    "schedule",
    "timeZone",
    "startingDeadlineSeconds",
    "suspend",
    "concurrencyPolicy",
)
"""Fields of a CronJob's spec that say when it starts what."""
HASH_ANNOTATION = names.PREFIX + "hash"
"""On a CronJob: of what it was made from, so that a change is told from Kubernetes' defaults."""


@dataclass(frozen=True)
class Schedule:
    """The RetrainSchedule that a CronJob belongs to."""

    name: str
    namespace: str
    uid: str


def cron_job_name(schedule: str, trigger: str) -> str:
    return f"{schedule}-{trigger}"


def is_check(cron_job: dict[str, Any], schedule: str) -> bool:
    """Whether its Jobs look at triggers, and train nothing."""
    return bool(cron_job["metadata"]["name"] == cron_job_name(schedule, CHECK))


def build_cron_job(
    schedule: Schedule,
    spec: RetrainScheduleSpec,
    trigger: Trigger,
    run_template: dict[str, Any],
    defaults: dict[str, Any],
    settings: TrainerSettings,
) -> dict[str, Any]:
    """The CronJob of ``trigger``; ``run_template`` is the schedule's, in the API's form.

    Raises:
        ValueError: the template with ``defaults`` cannot be run.
    """
    cron = trigger.cron
    assert cron is not None
    labels = {names.SCHEDULE_LABEL: schedule.name, names.TRIGGER_LABEL: trigger.name}
    run = effective_spec(run_template["spec"], defaults)
    template = job_template(labels, {}, run, settings)
    said = json.dumps(run_template, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    template["metadata"]["annotations"] = {names.RUN_TEMPLATE_ANNOTATION: said}
    return cron_job(
        schedule,
        trigger.name,
        labels,
        {
            **_clock(cron),
            "suspend": spec.suspend,
            "concurrencyPolicy": _concurrency(spec),
            "jobTemplate": template,
        },
    )


def cron_job(
    schedule: Schedule, suffix: str, labels: dict[str, str], spec: dict[str, Any]
) -> dict[str, Any]:
    """The CronJob ``<schedule>-<suffix>``, with a hash of what it is in an annotation."""
    built: dict[str, Any] = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": cron_job_name(schedule.name, suffix),
            "namespace": schedule.namespace,
            "labels": managed(labels),
            "ownerReferences": [schedule_reference(schedule)],
        },
        "spec": {
            **spec,
            "successfulJobsHistoryLimit": HISTORY_LIMIT,
            "failedJobsHistoryLimit": HISTORY_LIMIT,
        },
    }
    digest = hashlib.sha256(json.dumps(built, sort_keys=True).encode()).hexdigest()[:16]
    metadata = {**built["metadata"], "annotations": {HASH_ANNOTATION: digest}}
    return {**built, "metadata": metadata}


def schedule_reference(schedule: Schedule) -> dict[str, Any]:
    """Without blockOwnerDeletion, which would need a right on the schedule's finalizers."""
    return {
        "apiVersion": API_VERSION,
        "kind": "RetrainSchedule",
        "name": schedule.name,
        "uid": schedule.uid,
        "controller": True,
    }


def _clock(cron: Cron) -> dict[str, Any]:
    return {
        "schedule": cron.schedule,
        "timeZone": cron.time_zone,
        "startingDeadlineSeconds": cron.starting_deadline_seconds,
    }


def _concurrency(spec: RetrainScheduleSpec) -> str:
    """Kubernetes would replace by deleting a Job, record and all: the operator cancels it."""
    return "Forbid" if spec.concurrency_policy == "Forbid" else "Allow"
