"""The Job of a TrainingRun, as a plain dict."""

import json
from dataclasses import dataclass
from typing import Any

from retrain_core import names
from retrain_core.build.pod import pod_spec
from retrain_core.outcome import FINAL_EXIT_CODES
from retrain_core.spec import API_VERSION, TrainingRunSpec

NOT_FOR_THE_POD = {"pod", "suspend", "cancel", "ttl_seconds_after_finished", "queue_name"}
"""Fields of the spec that say how the pod is made, or change while it runs."""


@dataclass(frozen=True)
class Owner:
    """The TrainingRun that a Job belongs to."""

    name: str
    namespace: str
    uid: str
    release: str | None = None
    """The git tag that the run trains, if a release started it."""


@dataclass(frozen=True)
class TrainerSettings:
    """What the operator's configuration says about every trainer pod."""

    image: str
    image_pull_policy: str = "IfNotPresent"


def build_job(
    owner: Owner, spec: TrainingRunSpec, settings: TrainerSettings, *, ttl: int | None = None
) -> dict[str, Any]:
    """The Job that trains ``spec``, which has the operator's defaults in it already.

    ``ttl``: seconds that it stays after its end; None: that is for the operator to say then.
    """
    annotations = {names.RELEASE_ANNOTATION: owner.release} if owner.release else {}
    template = job_template({names.RUN_LABEL: owner.name}, annotations, spec, settings)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": owner.name,
            "namespace": owner.namespace,
            **template["metadata"],
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": template["spec"] | ({} if ttl is None else {"ttlSecondsAfterFinished": ttl}),
    }


def job_template(
    labels: dict[str, str],
    annotations: dict[str, str],
    spec: TrainingRunSpec,
    settings: TrainerSettings,
) -> dict[str, Any]:
    """Labels and spec of a Job; ``labels`` are its and its pods', ``annotations`` the pods'.

    It has no TTL: what a clock starts while no operator lives has to wait for one.
    """
    labels = managed(labels)
    built: dict[str, Any] = {
        "backoffLimit": spec.retries,
        "completions": 1,
        "parallelism": 1,
        # Two trainers at once would share a cache and an MLflow run.
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": pod_failure_rules()},
        "template": pod_template(labels, annotations, spec, settings),
    }
    if spec.timeout_seconds is not None:
        built["activeDeadlineSeconds"] = spec.timeout_seconds
    queue = {}
    if spec.queue_name is not None:
        # Kueue starts it, and from then on suspend is Kueue's.
        built["suspend"] = True
        queue[names.QUEUE_LABEL] = spec.queue_name
    return {"metadata": {"labels": {**labels, **queue}}, "spec": built}


def managed(labels: dict[str, str]) -> dict[str, str]:
    """``labels`` with those by which the operator finds what is its own."""
    return {names.NAME_LABEL: names.TRAINER, names.MANAGED_BY_LABEL: names.MANAGED_BY, **labels}


def owner_reference(owner: Owner) -> dict[str, Any]:
    """Without blockOwnerDeletion, which would need a right on the run's finalizers."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingRun",
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
    }


def pod_failure_rules() -> list[dict[str, Any]]:
    """A disruption costs no retry, wherever the trainer stood; what would fail again fails.

    The containers are named: an injected one does not speak our exit codes.
    """
    return [
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        *(
            {
                "action": "FailJob",
                "onExitCodes": {
                    "containerName": container,
                    "operator": "In",
                    "values": FINAL_EXIT_CODES,
                },
            }
            for container in (names.SOURCE_CONTAINER, names.TRAIN_CONTAINER)
        ),
    ]


def pod_template(
    labels: dict[str, str],
    annotations: dict[str, str],
    spec: TrainingRunSpec,
    settings: TrainerSettings,
) -> dict[str, Any]:
    pod = spec.pod
    return {
        "metadata": {
            "labels": {**pod.get("labels", {}), **labels},
            "annotations": {
                **pod.get("annotations", {}),
                names.SPEC_ANNOTATION: pod_view(spec),
                **annotations,
            },
        },
        "spec": pod_spec(spec, settings.image, settings.image_pull_policy),
    }


def pod_view(spec: TrainingRunSpec) -> str:
    """The spec as the trainer reads it: compact JSON."""
    content = spec.model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude=NOT_FOR_THE_POD
    )
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
