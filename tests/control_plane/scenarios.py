"""What can become of a run, each from its creation to its end, with the other parts' doings."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from control_plane import node
from control_plane.space import Space
from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.objects import (
    CRON_JOB,
    JOB,
    POD,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Kind,
    Object,
)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_OF_A_TRIGGER = re.compile(r"iris-[a-z]+-[0-9a-f]{10}")
Scenario = Callable[[Space], Awaitable[None]]

MASKED = {
    "completionTime",
    "creationTimestamp",
    "jobUID",
    "lastChecked",
    "lastFired",
    "lastTransitionTime",
    "podName",
    "nextScheduleTime",
    "notBefore",
    "startTime",
    "time",
}
"""Fields that differ from one repetition to the next."""


async def trained(space: Space) -> None:
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await node.train_ends(space)
    await space.ended("Trained")


async def stage_failed(space: Space) -> None:
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await node.train_ends(space, code=50, result=node.STAGE_FAILED)
    await space.ended("StageFailed")


async def out_of_memory(space: Space) -> None:
    """The operator lets the Job, which would try again, try no more; the pod and its log stay."""
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await node.train_ends(space, code=137, result=None, reason="OOMKilled")
    await space.ended("OutOfMemory")
    assert len(space.pods()) == 1


async def suspended_and_resumed(space: Space) -> None:
    await space.create_run()
    await space.has_pod()
    await space.patch_run(suspend=True)
    await space.reads("Suspended")
    await space.until(lambda: not space.pods(), "its pod is gone")
    await space.patch_run(suspend=False)
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await node.train_ends(space)
    await space.ended("Trained")


async def withheld_at_first(space: Space) -> None:
    await space.create_run(suspend=True)
    await space.reads("Suspended")
    assert space.job() is None
    await space.patch_run(suspend=False)
    await space.has_pod()
    await node.source_ends(space)
    await node.train_ends(space)
    await space.ended("Trained")


async def cancelled(space: Space) -> None:
    await space.create_run()
    await space.has_pod()
    await space.patch_run(cancel=True)
    await space.ended("Cancelled")
    await space.until(lambda: space.job() is None, "the Job is gone")


async def gone_in_its_time(space: Space) -> None:
    await space.create_run(ttlSecondsAfterFinished=1)
    await node.source_ends(space)
    await node.train_ends(space)
    await space.until(lambda: space.run() is None, "the run is gone")
    await space.until(lambda: not space.all(JOB) and not space.all(POD), "so is its Job")


async def name_taken(space: Space) -> None:
    await space.api.create(JOB, space.name, foreign_job())
    await space.create_run()
    await space.ended("NameTaken")


async def job_lost(space: Space) -> None:
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await space.api.delete(JOB, space.name, "iris")
    await space.ended("JobLost")


async def deleted(space: Space) -> None:
    await space.create_run()
    await space.has_pod()
    await space.api.delete(TRAINING_RUN, space.name, "iris")
    await space.until(lambda: not space.all(JOB) and not space.all(POD), "its Job is gone")


async def not_started_in_time(space: Space) -> None:
    await space.create_run(startTimeoutSeconds=2)
    await space.ended("StartDeadlineExceeded")
    await space.until(lambda: space.job() is None, "the Job is gone")


async def queued(space: Space) -> None:
    await space.create_run(queueName="team")
    await space.reads("Queued")
    # Kueue's part.
    await space.api.patch(JOB, space.name, "iris", {"spec": {"suspend": False}})
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await node.train_ends(space)
    await space.ended("Trained")


async def refused_by_validation(space: Space) -> None:
    """The API server finds a fault in the Job that neither the CRD nor the operator saw."""
    await space.create_run(pod={"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}})
    await space.ended("InvalidSpec")


SCENARIOS: list[Scenario] = [
    trained,
    stage_failed,
    out_of_memory,
    suspended_and_resumed,
    withheld_at_first,
    cancelled,
    name_taken,
    job_lost,
    not_started_in_time,
    queued,
    refused_by_validation,
    deleted,
    gone_in_its_time,
]


def foreign_job() -> Object:
    """Somebody's own."""
    container = {
        "name": "own",
        "image": "localhost/own:test",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "restartPolicy": "Never",
        "schedulerName": "nobody",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {"metadata": {"name": "iris"}, "spec": {"template": {"spec": pod}}}


def end_state(space: Space) -> Any:
    """All that is left in the namespace, without what differs by nature."""
    left = {
        "runs": [
            {"spec": run["spec"], "status": run.get("status")}
            for run in _in_order(space, TRAINING_RUN)
        ],
        "jobs": [_job(job) for job in space.all(JOB)],
        "pods": sorted(pod["status"]["phase"] for pod in space.all(POD)),
        "schedules": [schedule.get("status") for schedule in space.all(RETRAIN_SCHEDULE)],
        "clocks": [_clock(clock) for clock in space.all(CRON_JOB)],
    }
    text = json.dumps(left)
    for kind in (POD, JOB, TRAINING_RUN, RETRAIN_SCHEDULE, CRON_JOB):
        for number, item in enumerate(_in_order(space, kind)):
            text = text.replace(objects.uid(item), f"{kind.name}-{number}")
            if kind is POD or names.FIRING_ANNOTATION in objects.annotations(item):
                # Names that hold a uid, or a hash of one.
                text = text.replace(objects.name(item), f"{kind.name}-{number}")
    text = _OF_A_TRIGGER.sub("a run that is gone", _TIME.sub("TIME", text))
    return _masked(json.loads(text))


def _in_order(space: Space, kind: Kind) -> list[Object]:
    """Alike in every repetition, in which other names may stand in another order."""
    if kind is not TRAINING_RUN:
        return space.all(kind)
    return sorted(space.all(kind), key=lambda run: (json.dumps(run["spec"]), objects.created(run)))


def _job(job: Object) -> Object:
    return {
        "suspend": job["spec"].get("suspend"),
        "ttl": job["spec"].get("ttlSecondsAfterFinished"),
        "owners": job["metadata"].get("ownerReferences"),
        "conditions": [found["type"] for found in job["status"].get("conditions", [])],
    }


def _clock(clock: Object) -> Object:
    return {"spec": clock["spec"], "owners": clock["metadata"].get("ownerReferences")}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "-" if key in MASKED else _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value
