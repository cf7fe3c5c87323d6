"""The CronJob `<schedule>-check`: a small pod that looks at the triggers that are no clock."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from retrain_core import names
from retrain_core.build.cronjob import Schedule, cron_job
from retrain_core.build.job import TrainerSettings, managed, pod_view
from retrain_core.build.pod import (
    container,
    git_secret,
    read_only,
    scratch_volumes,
    secret_volume,
    secrets,
    two_steps,
    with_theirs,
)
from retrain_core.defaults import effective_spec
from retrain_core.evidence import looked_at
from retrain_core.spec import TrainingRunSpec
from retrain_core.spec.retrain_schedule import CHECK, RetrainScheduleSpec

EVERY_MINUTES = 10
DAY = 86_400
KEPT_SECONDS = 7 * DAY
"""The operator reads a check's report and deletes it; so long it may be away."""
RESOURCES = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
_COPIED = ("imagePullSecrets", "priorityClassName", "serviceAccountName", "tolerations")
"""Fields of spec.pod that a check has too: a node with a GPU is not for it."""


def build_check(
    schedule: Schedule,
    spec: RetrainScheduleSpec,
    run_template: dict[str, Any],
    known: Mapping[str, str],
    defaults: dict[str, Any],
    settings: TrainerSettings,
) -> dict[str, Any]:
    """The CronJob; ``known``: by trigger, what the next check is to know of it.

    Raises:
        ValueError: the template with ``defaults`` cannot be run.
    """
    run = effective_spec(run_template["spec"], defaults)
    labels = {names.SCHEDULE_LABEL: schedule.name, names.TRIGGER_LABEL: CHECK}
    queue = {names.QUEUE_LABEL: spec.check.queue_name} if spec.check.queue_name else {}
    job: dict[str, Any] = {
        # A look that failed is made again at the next time.
        "backoffLimit": 0,
        "activeDeadlineSeconds": spec.check.timeout_seconds,
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "template": _pod_template(managed(labels), schedule, spec, run, known, settings),
    }
    if queue:
        job["suspend"] = True
    return cron_job(
        schedule,
        CHECK,
        labels,
        {
            "schedule": spec.check.schedule or default_schedule(schedule.uid),
            "timeZone": "Etc/UTC",
            "startingDeadlineSeconds": 60 * EVERY_MINUTES,
            "suspend": spec.suspend,
            "concurrencyPolicy": "Forbid",
            "jobTemplate": {"metadata": {"labels": {**managed(labels), **queue}}, "spec": job},
        },
    )


def default_schedule(uid: str) -> str:
    """Every ten minutes, from a minute of the schedule's own."""
    minute = int(hashlib.sha256(uid.encode()).hexdigest(), 16) % EVERY_MINUTES
    return f"{minute}-59/{EVERY_MINUTES} * * * *"


def _pod_template(
    labels: dict[str, str],
    schedule: Schedule,
    spec: RetrainScheduleSpec,
    run: TrainingRunSpec,
    known: Mapping[str, str],
    settings: TrainerSettings,
) -> dict[str, Any]:
    task = {
        "schedule": schedule.name,
        "run": json.loads(pod_view(run)),
        "triggers": [trigger.to_api() for trigger in looked_at(spec.triggers)],
        "known": dict(known),
        "timeoutSeconds": spec.check.timeout_seconds,
    }
    encoded = json.dumps(task, separators=(",", ":"), ensure_ascii=False)
    pod = run.pod
    look, check = _containers(spec, run, settings)
    volumes = [
        *scratch_volumes(names.CHECK_ANNOTATION),
        # One that is missing is told of the trigger that wants it.
        *(
            secret_volume(name, secret, optional=name != names.GIT_SECRET_VOLUME)
            for name, secret, _ in _mounted(spec, run)
        ),
    ]
    return {
        "metadata": {
            "labels": {**pod.get("labels", {}), **labels},
            "annotations": {**pod.get("annotations", {}), names.CHECK_ANNOTATION: encoded},
        },
        "spec": two_steps(pod, _COPIED, look, check, volumes),
    }


def _containers(
    spec: RetrainScheduleSpec, run: TrainingRunSpec, settings: TrainerSettings
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`look` holds the credentials of git and metrics, `check` those of a training.

    For the second opens the repository, whose DVC configuration can name programs to run.
    """
    pod = run.pod
    mounted = [read_only(name, folder) for name, _, folder in _mounted(spec, run)]
    secrets_ = [*pod.get("envFrom", []), *secrets(run.mlflow.secret_ref, run.dvc.remote.secret_ref)]
    options = ["--git-secret", names.GIT_SECRET_FOLDER] if git_secret(run) else []
    if _metrics_secrets(spec):
        options += ["--metrics-secrets", names.METRICS_SECRETS_FOLDER]
    # The user's image is wanted where it holds the repository; none of its code is run.
    own = run.image if run.source.image is not None else None

    def made(name: str, image: str, options: list[str], mounts: Any, env_from: Any) -> Any:
        return container(
            name,
            image,
            pod.get("imagePullPolicy", settings.image_pull_policy),
            command=[names.TRAINER_PYTHON, "-P", "-m", "retrain_trainer", name, *options],
            env=with_theirs([{"name": "HOME", "value": names.TEMPORARY_FOLDER}], pod),
            envFrom=env_from,
            volumeMounts=[
                {"name": names.WORKSPACE_VOLUME, "mountPath": names.WORKSPACE},
                {"name": names.TEMPORARY_VOLUME, "mountPath": names.TEMPORARY_FOLDER},
                read_only(names.SPEC_VOLUME, names.SPEC_FOLDER),
                *mounts,
                *pod.get("volumeMounts", []),
            ],
            resources=spec.check.resources or RESOURCES,
        )

    look = made(names.LOOK_CONTAINER, settings.image, options, mounted, [])
    check = made(names.CHECK_CONTAINER, own or settings.image, [], [], secrets_)
    return look, check


def _mounted(spec: RetrainScheduleSpec, run: TrainingRunSpec) -> list[tuple[str, str, str]]:
    """Volume, Secret and folder of each Secret that is mounted."""
    found = []
    if secret := git_secret(run):
        found.append((names.GIT_SECRET_VOLUME, secret, names.GIT_SECRET_FOLDER))
    for number, (trigger, secret) in enumerate(_metrics_secrets(spec)):
        folder = f"{names.METRICS_SECRETS_FOLDER}/{trigger}"
        found.append((f"{names.METRICS_SECRET_VOLUME}-{number}", secret, folder))
    return found


def _metrics_secrets(spec: RetrainScheduleSpec) -> list[tuple[str, str]]:
    """Trigger and Secret of each metric trigger that has one."""
    return [
        (trigger.name, trigger.metric.prometheus.secret_ref.name)
        for trigger in spec.triggers
        if trigger.metric is not None and trigger.metric.prometheus.secret_ref is not None
    ]
