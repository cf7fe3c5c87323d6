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


OWNER_ANNOTATION = names.PREFIX + "owner"
"""On a CronJob: namespace, name and uid of its schedule, which stay when that lets it go."""
TEMPLATES_ANNOTATION = names.PREFIX + "templates"
"""On a CronJob: digests of the run templates that it has had, the newest first. A Job's own word
on what it was made from counts if the digest is here: whoever may make Jobs cannot write it."""
MAX_TEMPLATES = 50


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
    encoded = json.dumps(run_template, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    template["metadata"]["annotations"] = {names.RUN_TEMPLATE_ANNOTATION: encoded}
    built = cron_job(
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
    built["metadata"]["annotations"][TEMPLATES_ANNOTATION] = _digest(encoded)
    return built


def with_templates_before(built: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """``built`` with the digests of what the same CronJob was ``before``."""
    newest = built["metadata"]["annotations"].get(TEMPLATES_ANNOTATION)
    if newest is None or before is None:
        return built
    earlier = [digest for digest in _templates(before) if digest != newest]
    digests = " ".join([newest, *earlier][:MAX_TEMPLATES])
    annotations = {**built["metadata"]["annotations"], TEMPLATES_ANNOTATION: digests}
    return {**built, "metadata": {**built["metadata"], "annotations": annotations}}


def template_of(cron_job: dict[str, Any], job: dict[str, Any]) -> dict[str, Any] | None:
    """The run template that ``job``, of ``cron_job``, was made from; None: none that it has had."""
    encoded = (job["metadata"].get("annotations") or {}).get(names.RUN_TEMPLATE_ANNOTATION, "")
    if _digest(encoded) not in _templates(cron_job):
        return None
    template: dict[str, Any] = json.loads(encoded)
    return template


def was_made_by_us(cron_job: dict[str, Any]) -> bool:
    """Whether ``cron_job`` was made for a schedule, and is no copy under a name or in a namespace
    of its own."""
    metadata = cron_job["metadata"]
    owner = (metadata.get("annotations") or {}).get(OWNER_ANNOTATION, "").split("/")
    labels = metadata.get("labels") or {}
    schedule, trigger = labels.get(names.SCHEDULE_LABEL, ""), labels.get(names.TRIGGER_LABEL, "")
    return (
        len(owner) == 3
        and owner[:2] == [metadata["namespace"], schedule]
        and metadata["name"] == cron_job_name(schedule, trigger)
    )


def _templates(cron_job: dict[str, Any]) -> list[str]:
    annotations = cron_job["metadata"].get("annotations") or {}
    return str(annotations.get(TEMPLATES_ANNOTATION, "")).split()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


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
    annotations = {
        HASH_ANNOTATION: _digest(json.dumps(built, sort_keys=True))[:16],
        OWNER_ANNOTATION: "/".join((schedule.namespace, schedule.name, schedule.uid)),
    }
    return {**built, "metadata": {**built["metadata"], "annotations": annotations}}


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
