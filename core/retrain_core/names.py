"""Labels, annotations, paths and variables that operator, Job and trainer agree on."""

from typing import Final

DISTRIBUTION: Final = "retrain-k8s"
"""What pip calls us: the package `retrain` of PyPI is another project's."""

PREFIX: Final = "retrain.dev/"

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "retrain"
"""Jobs and pods with this label are those the operator watches."""
NAME_LABEL: Final = "app.kubernetes.io/name"
TRAINER: Final = "retrain-trainer"
RUN_LABEL: Final = PREFIX + "run"
"""Name of the TrainingRun, on its Job and pods; the Job has the same name."""
JOB_LABEL: Final = "batch.kubernetes.io/job-name"
"""Set by Kubernetes on each pod of a Job: the name of the Job, and of its run."""
SCHEDULE_LABEL: Final = PREFIX + "schedule"
"""Name of the RetrainSchedule, on its CronJobs, their Jobs, and its runs."""
TRIGGER_LABEL: Final = PREFIX + "trigger"
"""Name of the trigger in that RetrainSchedule, on the same objects."""
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
"""Kueue's LocalQueue, on the Job."""

SPEC_ANNOTATION: Final = PREFIX + "spec"
"""The run's spec as JSON, defaults included, on the pod template: the one copy a pod learns."""
CHECK_ANNOTATION: Final = PREFIX + "check"
"""What a check is told as JSON (``evidence.Task``), on its pod template."""
FIRING_ANNOTATION: Final = PREFIX + "firing"
"""On a run that a trigger started: trigger, episode and retry as JSON, which its name is of."""
RELEASE_ANNOTATION: Final = PREFIX + "release"
"""The git tag that a run trains, if a release started it; on the TrainingRun and its pods."""
ENDED_ANNOTATION: Final = PREFIX + "ended"
"""On a run that has ended: its name, reason and time as JSON. Backups leave out its status."""
JOB_UID_ANNOTATION: Final = PREFIX + "job-uid"
"""On a run that was made for a CronJob's Job: that Job's uid. Such a run never makes one."""
RECORDED_ANNOTATION: Final = PREFIX + "recorded"
"""On a CronJob's Job that has its run: the run's uid."""
RUN_TEMPLATE_ANNOTATION: Final = PREFIX + "run-template"
"""On a CronJob's Jobs: the schedule's runTemplate that they were made from, as JSON."""
TRIGGERED_BY_ANNOTATION: Final = PREFIX + "triggered-by"
"""On a run that a schedule started: what its status says in `trigger`, as JSON."""

SOURCE_CONTAINER: Final = "source"
TRAIN_CONTAINER: Final = "train"
LOOK_CONTAINER: Final = "look"
CHECK_CONTAINER: Final = "check"

WORKSPACE: Final = "/workspace"
SPEC_FOLDER: Final = "/etc/retrain"
SPEC_FILE: Final = "spec.json"
SECRETS_FOLDER: Final = "/var/run/secrets/retrain.dev"
GIT_SECRET_FOLDER: Final = f"{SECRETS_FOLDER}/git"
METRICS_SECRETS_FOLDER: Final = f"{SECRETS_FOLDER}/metrics"
"""Below it a folder for each metric trigger with a Secret, of the trigger's name."""
TEMPORARY_FOLDER: Final = "/tmp"  # noqa: S108 - an emptyDir of the pod
TRAINER_FOLDER: Final = "/opt/trainer"
WORKSPACE_VOLUME: Final = "workspace"
TEMPORARY_VOLUME: Final = "tmp"
SPEC_VOLUME: Final = "spec"
GIT_SECRET_VOLUME: Final = "git-secret"  # noqa: S105 - a name
CACHE_VOLUME: Final = "cache"
METRICS_SECRET_VOLUME: Final = "metrics-secret"  # noqa: S105 - a name
VOLUMES: Final = (
    WORKSPACE_VOLUME,
    TEMPORARY_VOLUME,
    SPEC_VOLUME,
    GIT_SECRET_VOLUME,
    CACHE_VOLUME,
)
"""Names of volumes that every pod of a run may have."""
CACHE_FOLDER: Final = f"{WORKSPACE}/state/cache"
"""DVC's cache, and uv's: a claim is mounted here."""
TRAINER_PYTHON: Final = f"{TRAINER_FOLDER}/bin/python"
"""Our own Python in the trainer image; the user's is first on PATH."""
USER_ID: Final = 65532
"""User and group of every container, those of the images."""

JOB_UID_VARIABLE: Final = "RETRAIN_JOB_UID"
RUN_NAME_VARIABLE: Final = "RETRAIN_RUN_NAME"
IMAGE_VARIABLE: Final = "RETRAIN_IMAGE"
RELEASE_VARIABLE: Final = "RETRAIN_RELEASE"
RESERVED_VARIABLES: Final = "RETRAIN_"
"""Prefix of variables that spec.pod.env cannot set."""
