"""Runs, Jobs, pods and events of one moment, and what is planned for them."""

import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from retrain_core import names
from retrain_core.build.job import Owner, TrainerSettings, build_job
from retrain_core.defaults import effective_spec
from retrain_core.outcome import Reason
from retrain_core.result import DVCState, Metric, MLflowRun, ModelVersion, Result, Stage
from retrain_core.status import timestamp
from retrain_operator.kube.objects import Object
from retrain_operator.plan.rules import plan
from retrain_operator.plan.types import Observed, Plan, Settings

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
SETTINGS = Settings(
    TrainerSettings("trainer:1"),
    {"mlflow": {"trackingURI": "https://mlflow.example.com/"}},
    job_ttl_seconds=3600,
)
RUN_UID, JOB_UID = "run-uid", "job-uid"
GIT = {"git": {"url": "https://git.example.com/team/iris.git"}}
COMMIT, MLFLOW_RUN = "c" * 40, "f" * 32
OF_THE_RUN = {"commit": COMMIT, "mlflow": MLflowRun(experiment_id="1", run_id=MLFLOW_RUN)}
REPORTS = {
    "source": Result(**OF_THE_RUN),
    "trained": Result(
        reason=Reason.TRAINED,
        message="version 2 of iris is the champion",
        stages=[Stage(name="train", state="Ran", seconds=1.5)],
        metrics=[Metric(name="f1", value="0.9")],
        dvc=DVCState(lock_md5="b" * 32, remote="s3://bucket"),
        model=ModelVersion(name="iris", version="2", promoted=True),
        **OF_THE_RUN,
    ),
    "denied": Result(reason=Reason.SOURCE_DENIED, message="git.example.com refuses the password"),
    "unreachable": Result(reason=Reason.SOURCE_UNREACHABLE, message="git.example.com: timed out"),
    "stage_failed": Result(
        reason=Reason.STAGE_FAILED,
        message="stage train: exit code 1: ValueError: y has one class",
        stages=[Stage(name="train", state="Failed", seconds=0.5)],
        **OF_THE_RUN,
    ),
    "out_of_memory": Result(reason=Reason.OUT_OF_MEMORY, message="stage train ran out of memory"),
}


def ago(seconds: float) -> str:
    return timestamp(NOW - timedelta(seconds=seconds))


def a_run(
    status: Object | None = None, *, generation: int = 1, release: str = "", **spec: Any
) -> Object:
    """A TrainingRun ``iris``, created an hour ago; marked if its status says that it has ended."""
    annotations = {"argocd.argoproj.io/tracking-id": "ml:retrain.dev/TrainingRun:ml/iris"}
    if "completionTime" in (status or {}):
        annotations[names.ENDED_ANNOTATION] = a_mark()
    return {
        "apiVersion": "retrain.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {
            "name": "iris",
            "namespace": "ml",
            "uid": RUN_UID,
            "resourceVersion": "1",
            "generation": generation,
            "creationTimestamp": ago(3600),
            "labels": {"app.kubernetes.io/instance": "argo-app"},
            "annotations": {**annotations, **({"retrain.dev/release": release} if release else {})},
        },
        "spec": {"source": GIT, **spec},
        **({"status": status} if status is not None else {}),
    }


def a_mark(reason: str = "Trained", name: str = "iris") -> str:
    """That a run carries which ended ten seconds ago."""
    return json.dumps({"name": name, "reason": reason, "time": ago(10)})


def a_job(
    run: Object | None = None,
    *conditions: Object,
    uid: str = JOB_UID,
    started: float | None = 60,
    settings: Settings = SETTINGS,
    **spec: Any,
) -> Object:
    """The Job of ``run`` as it was built, ``started`` seconds ago; ``spec`` is changed in it."""
    run = run or a_run()
    metadata = run["metadata"]
    owner = Owner(metadata["name"], metadata["namespace"], metadata["uid"])
    job = build_job(owner, effective_spec(run["spec"], settings.defaults), settings.trainer)
    job["metadata"] |= {"uid": uid, "resourceVersion": "2", "creationTimestamp": ago(60)}
    job["spec"] |= spec
    job["status"] = {"conditions": [*conditions]}
    if started is not None:
        job["status"]["startTime"] = ago(started)
    return job


def a_condition(type_: str, reason: str = "", message: str = "") -> Object:
    return {"type": type_, "status": "True", "reason": reason, "message": message}


def complete() -> Object:
    return a_condition(
        "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
    )


def failed(reason: str = "BackoffLimitExceeded", message: str = "") -> Object:
    said = message or "Job has reached the specified backoff limit"
    return a_condition("Failed", reason, said)


def failed_by_policy(code: int) -> Object:
    said = f"Container train for pod ml/iris-1 failed with exit code {code} matching FailJob rule"
    return failed("PodFailurePolicy", f"{said} at index 1")


def a_pod(
    state: str, name: str = "iris-1", *, age: float = 30, deleted: float | None = None
) -> Object:
    """A pod with that status of pods.yaml; ``deleted`` seconds ago its grace ended."""
    metadata = {
        "name": name,
        "namespace": "ml",
        "uid": f"{name}-uid",
        "resourceVersion": "3",
        "creationTimestamp": ago(age),
        "labels": {"batch.kubernetes.io/job-name": "iris"},
        "ownerReferences": [{"kind": "Job", "name": "iris", "uid": JOB_UID, "controller": True}],
    }
    if deleted is not None:
        metadata["deletionTimestamp"] = ago(deleted)
    limits = {"resources": {"limits": {"memory": "2Gi"}}}
    return {
        "metadata": metadata,
        "spec": {
            "nodeName": "node-1",
            "initContainers": [{"name": "source"}],
            "containers": [{"name": "train", **limits}],
        },
        "status": copy.deepcopy(pod_states()[state]),
    }


@lru_cache
def pod_states() -> dict[str, Object]:
    """The statuses of pods.yaml, with the trainer's reports in them."""
    states: dict[str, Object] = yaml.safe_load(Path(__file__).with_name("pods.yaml").read_text())
    for state in states.values():
        for status in (
            *state.get("initContainerStatuses", ()),
            *state.get("containerStatuses", ()),
        ):
            ended = status["state"].get("terminated", {})
            if found := re.fullmatch(r"\$(\w+)", ended.get("message", "")):
                ended["message"] = REPORTS[found[1]].dump()
    return states


def an_event(reason: str, message: str, *, age: float = 1) -> Object:
    return {
        "metadata": {"creationTimestamp": ago(age), "resourceVersion": "9"},
        "reason": reason,
        "message": message,
        "lastTimestamp": ago(age),
        "eventTime": None,
    }


@dataclass(frozen=True)
class World:
    """What is observed; the Job is the run's own unless one is given."""

    run: Object
    job: Object | None = None
    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()
    settings: Settings = SETTINGS
    now: datetime = NOW
    written: datetime | None = None
    awaited: float = 3600
    """Seconds that this process has seen the run wait for its start."""
    hindered: float = 0
    """Seconds that this process has seen the pod wait for somebody to put something right."""

    @property
    def seen(self) -> Observed:
        since = self.now - timedelta(seconds=self.awaited)
        return Observed(
            self.run,
            self.job,
            self.pods,
            self.events,
            written=self.written,
            awaited=since,
            hindered=self.now - timedelta(seconds=self.hindered),
        )

    def plan(self) -> Plan:
        return plan(self.seen, self.settings, self.now)

    def after(self, decided: Plan) -> "World":
        """The same world with the planned status stored."""
        if decided.status is None:
            return self
        return replace(self, run={**self.run, "status": decided.status})


def condition(status: Object | None, type_: str = "Succeeded") -> Object:
    assert status is not None
    (found,) = (found for found in status["conditions"] if found["type"] == type_)
    assert isinstance(found, dict)
    return found


NOTHING = Plan()
BOUND = {"jobName": "iris", "jobUID": "job-uid"}


def finished(**more: Any) -> Object:
    """The status of a run that ended ten seconds ago."""
    succeeded = {
        "type": "Succeeded",
        "status": "True",
        "reason": "Trained",
        "message": "",
        "lastTransitionTime": ago(10),
        "observedGeneration": 1,
    }
    return {
        "observedGeneration": 1,
        "completionTime": ago(10),
        "conditions": [succeeded],
        **BOUND,
        **more,
    }


def deleted(item: Object) -> Object:
    return {**item, "metadata": {**item["metadata"], "deletionTimestamp": ago(1)}}


def of_another(job: Object, kind: str = "TrainingRun", **owner: Any) -> Object:
    owners = [{"kind": kind, "name": "iris", "uid": "other", "controller": True, **owner}]
    return {**job, "metadata": {**job["metadata"], "ownerReferences": owners}}


def not_owned(job: Object) -> Object:
    return {**job, "metadata": {**job["metadata"], "ownerReferences": []}}


def writes(decided: Plan) -> set[str]:
    """What the plan does besides the status."""
    fields = ("create_job", "patch_job", "delete_job", "delete_run")
    return {field for field in fields if getattr(decided, field)}
