"""The node's part: what a kubelet would write of a pod, written by the test."""

from datetime import UTC, datetime
from typing import Any

from control_plane.space import Space
from retrain_core.evidence import Report
from retrain_core.names import CHECK_CONTAINER, SOURCE_CONTAINER, TRAIN_CONTAINER
from retrain_core.outcome import Reason
from retrain_core.result import Metric, MLflowRun, ModelVersion, Result, Stage
from retrain_core.status import timestamp
from retrain_operator.kube import objects
from retrain_operator.kube.objects import POD, Object

COMMIT = "a" * 40
MLFLOW = MLflowRun(experiment_id="7", run_id="b" * 32)
SOURCE = Result(commit=COMMIT, mlflow=MLFLOW)
TRAINED = Result(
    reason=Reason.TRAINED,
    message="iris 3 is the champion",
    commit=COMMIT,
    mlflow=MLFLOW,
    stages=[Stage(name="train", state="Ran", seconds=4.5)],
    metrics=[Metric(name="f1", value="0.98")],
    model=ModelVersion(name="iris", version="3", uri="models:/iris/3", promoted=True),
)
STAGE_FAILED = Result(
    reason=Reason.STAGE_FAILED, message="stage train ended with 1", commit=COMMIT, mlflow=MLFLOW
)


async def pod_of(space: Space, run: str = "iris") -> Object:
    """The run's pod that has not ended, as soon as there is one."""

    def living() -> Object | None:
        alive = [
            pod
            for pod in space.pods(run)
            if pod["status"]["phase"] in ("Pending", "Running") and not objects.being_deleted(pod)
        ]
        return alive[-1] if alive else None

    found: Object = await space.until(living, f"{run} has a pod that lives")
    return found


async def source_ends(space: Space, run: str = "iris", result: Result = SOURCE) -> None:
    """`source` has ended well and `train` runs."""
    pod = await pod_of(space, run)
    source = _terminated(0, "Completed", result.dump())
    await _report(space, pod, "Running", source, {"running": {"startedAt": _now()}})


async def image_cannot_be_pulled(space: Space, run: str = "iris") -> None:
    """For `source`, as often as it is tried."""
    pod = await pod_of(space, run)
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    await _report(space, pod, "Pending", waiting, {"waiting": {"reason": "PodInitializing"}})


async def train_ends(
    space: Space,
    run: str = "iris",
    code: int = 0,
    result: Result | None = TRAINED,
    reason: str | None = None,
) -> None:
    """`train` has ended, and with it the pod."""
    pod = await pod_of(space, run)
    why = reason or ("Completed" if code == 0 else "Error")
    train = _terminated(code, why, result.dump() if result else "")
    phase = "Failed" if code else "Succeeded"
    await _report(space, pod, phase, _terminated(0, "Completed", SOURCE.dump()), train)


async def check_ends(space: Space, job: str, report: Report | None, code: int = 0) -> None:
    """The check's container has ended, and with it the pod."""
    pod = await pod_of(space, job)
    ended = _terminated(code, "Error" if code else "Completed", report.dump() if report else "")
    status = {
        "phase": "Failed" if code else "Succeeded",
        "startTime": _now(),
        "containerStatuses": [_container(CHECK_CONTAINER, ended)],
    }
    await space.api.patch(POD, space.name, objects.name(pod), {"status": status}, "status")


async def _report(space: Space, pod: Object, phase: str, source: Object, train: Object) -> None:
    status = {
        "phase": phase,
        "startTime": _now(),
        "initContainerStatuses": [_container(SOURCE_CONTAINER, source)],
        "containerStatuses": [_container(TRAIN_CONTAINER, train)],
    }
    await space.api.patch(POD, space.name, objects.name(pod), {"status": status}, "status")


def _container(name: str, state: Object) -> Object:
    return {
        "name": name,
        "image": "localhost/retrain-trainer:test",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": state,
    }


def _terminated(code: int, reason: str, message: str) -> dict[str, Any]:
    ended = {
        "exitCode": code,
        "reason": reason,
        "message": message,
        "startedAt": _now(),
        "finishedAt": _now(),
    }
    return {"terminated": ended}


def _now() -> str:
    return timestamp(datetime.now(UTC))
