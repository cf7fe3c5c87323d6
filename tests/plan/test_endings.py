"""How a run has ended: the Job's condition is the truth, exit code and report are the detail."""

import json
from dataclasses import replace

import pytest

from plan.builders import (
    World,
    a_condition,
    a_job,
    a_pod,
    a_run,
    complete,
    condition,
    failed,
    failed_by_policy,
)
from plan.schema import check_status
from retrain_core import names
from retrain_core.outcome import OUTCOMES, Reason
from retrain_core.result import ModelVersion, Result
from retrain_operator.kube.objects import Object
from retrain_operator.plan.became import warnings
from retrain_operator.plan.status import container_status

LOST = "the training ended well, but what it reported is lost."
ENDED = {
    "its end was well": (complete(), Reason.TRAINED, "version 2 of iris is the champion."),
    "its end was well and it said nothing": (complete(), Reason.RESULT_UNAVAILABLE, LOST),
    "its end was well and it said garbage": (complete(), Reason.RESULT_UNAVAILABLE, LOST),
    "source was denied": (
        failed_by_policy(21),
        Reason.SOURCE_DENIED,
        "git.example.com refuses the password. Check the Secret named in",
    ),
    "source was out of reach": (
        failed(),
        Reason.SOURCE_UNREACHABLE,
        "git.example.com: timed out. Check the host in",
    ),
    "a stage failed": (
        failed_by_policy(50),
        Reason.STAGE_FAILED,
        "stage train: exit code 1: ValueError: y has one class. Read the stage's last lines",
    ),
    "a stage failed and its report is garbage": (
        failed_by_policy(50),
        Reason.STAGE_FAILED,
        "container train ended with exit code 50 and no readable report. Read the stage's",
    ),
    "a stage failed and its report claims success": (
        failed_by_policy(50),
        Reason.STAGE_FAILED,
        "container train ended with exit code 50 and no readable report. Read the stage's",
    ),
    "it was killed": (
        failed(),
        Reason.CONTAINER_FAILED,
        "container train ended with exit code 137: Error. Check that the image is",
    ),
    "it was killed for its memory": (
        failed(),
        Reason.OUT_OF_MEMORY,
        "container train reached its memory limit of 2Gi. Give the run more memory",
    ),
    "a stage was killed for its memory": (
        failed_by_policy(52),
        Reason.OUT_OF_MEMORY,
        "container train reached its memory limit of 2Gi. Give the run more memory",
    ),
    "its image has no python of ours": (
        failed(),
        Reason.CONTAINER_FAILED,
        "stat /opt/trainer/bin/python: no such file or directory. Check that the image is FROM the",
    ),
    "its node wanted the memory": (
        failed(),
        Reason.EVICTED,
        "available: 80Mi. The node wanted the room: ask for what is used",
    ),
    "it wrote more than its cache may hold": (failed(), Reason.EVICTED, 'the limit "1Gi". The'),
    "its node was drained": (failed(), Reason.EVICTED, "Eviction API: evicting. The node wanted"),
    "its node had no room after all": (
        failed(),
        Reason.CONTAINER_FAILED,
        "capacity: 4000. Check that the image",
    ),
}


def ended(state: str, *conditions: Object) -> Object:
    """The final status of a run whose only pod is in ``state``."""
    run = a_run(model={"name": "iris"})
    decided = World(run, a_job(None, *conditions), [a_pod(state)]).plan()
    assert decided.status is not None
    assert decided.again is not None
    return decided.status


@pytest.mark.parametrize("state", ENDED)
def test_a_job_that_ended_is_told_by_its_pod(state: str) -> None:
    said, reason, words = ENDED[state]
    status = ended(state, said)
    told = condition(status)
    assert (told["status"], told["reason"]) == (str(OUTCOMES[reason].succeeded), reason)
    assert words in told["message"]
    assert ".." not in told["message"]
    assert status["completionTime"] == "2026-11-26T12:00:00Z"
    stalled = [found["type"] for found in status["conditions"]]
    assert stalled == (["Succeeded"] if OUTCOMES[reason].succeeded else ["Succeeded", "Stalled"])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("train runs", "took longer than 90 s"),
        ("a stage failed", "took longer than 90 s"),
        ("no node takes it", "took longer than 90 s"),
    ],
)
def test_a_deadline_is_told_whatever_the_pod_did(state: str, words: str) -> None:
    run = a_run(timeoutSeconds=90)
    late = failed("DeadlineExceeded", "Job was active longer than specified deadline")
    told = condition(World(run, a_job(run, late), [a_pod(state)]).plan().status)
    assert told["reason"] == Reason.DEADLINE_EXCEEDED
    assert words in told["message"]


def test_a_deadline_keeps_what_the_trainer_reported() -> None:
    late = failed("DeadlineExceeded")
    status = World(a_run(), a_job(None, late), [a_pod("a stage failed")]).plan().status
    assert status is not None
    assert status["stages"] == [{"name": "train", "state": "Failed", "seconds": 0.5}]


def test_a_failed_job_without_pods_tells_its_own_words() -> None:
    told = condition(World(a_run(), a_job(None, failed_by_policy(50))).plan().status)
    assert told["reason"] == Reason.CONTAINER_FAILED
    assert "its pods are gone: PodFailurePolicy: Container train for pod" in told["message"]


def test_of_several_attempts_the_last_one_that_failed_is_told() -> None:
    pods = [a_pod("it was killed", "iris-1", age=60), a_pod("source was out of reach", "iris-2")]
    told = condition(World(a_run(), a_job(None, failed()), pods).plan().status)
    assert told["reason"] == Reason.SOURCE_UNREACHABLE


def test_a_completed_job_is_told_by_the_attempt_that_succeeded() -> None:
    pods = [a_pod("it was killed", "iris-1", age=60), a_pod("its end was well", "iris-2")]
    told = condition(World(a_run(), a_job(None, complete()), pods).plan().status)
    assert told["reason"] == Reason.TRAINED


def test_a_completed_job_without_pods_leads_to_the_mlflow_run() -> None:
    world = World(a_run(), a_job(), [a_pod("train runs")])
    training = world.after(world.plan())
    gone = replace(training, job=a_job(None, complete()), pods=[])
    told = condition(gone.plan().status)
    assert (told["status"], told["reason"]) == ("True", Reason.RESULT_UNAVAILABLE)
    assert told["message"].endswith(f"https://mlflow.example.com/#/experiments/1/runs/{'f' * 32}.")


@pytest.mark.parametrize("type_", ["SuccessCriteriaMet", "FailureTarget"])
def test_a_job_that_is_about_to_end_has_not_ended(type_: str) -> None:
    job = a_job(None, a_condition(type_, "PodFailurePolicy"))
    decided = World(a_run(), job, [a_pod("train runs")]).plan()
    assert "completionTime" not in (decided.status or {})


def test_a_trained_run_has_everything_that_was_reported() -> None:
    status = ended("its end was well", complete())
    assert status["commit"] == "c" * 40
    assert status["stages"] == [{"name": "train", "state": "Ran", "seconds": 1.5}]
    assert status["metrics"] == [{"name": "f1", "value": "0.9"}]
    assert status["dvc"] == {"lockMD5": "b" * 32, "remote": "s3://bucket"}
    assert status["model"] == {
        "name": "iris",
        "version": "2",
        "uri": "models:/iris/2",
        "promoted": True,
    }
    assert status["mlflow"] == {
        "experimentID": "1",
        "runID": "f" * 32,
        "url": f"https://mlflow.example.com/#/experiments/1/runs/{'f' * 32}",
    }
    assert (status["jobName"], status["jobUID"]) == ("iris", "job-uid")
    assert (status["podName"], status["attempts"]) == ("iris-1", 1)
    assert status["startTime"] == "2026-11-26T11:59:00Z"


def test_a_report_that_contradicts_the_exit_code_is_not_used_at_all() -> None:
    status = ended("a stage failed and its report claims success", failed_by_policy(50))
    assert {"model", "metrics", "dvc"} & status.keys() == set()


def test_a_remedy_that_the_pod_gives_stands_in_the_place_of_the_reason_s() -> None:
    own = "Commit the file, or let a stage write it."
    report = Result(reason=Reason.DATA_MISSING, message="no raw.csv.", remedy=own)
    pod = a_pod("it was killed")
    (train,) = pod["status"]["containerStatuses"]
    train["state"]["terminated"] |= {"message": report.dump(), "exitCode": 33}
    job = a_job(None, failed_by_policy(33))
    told = condition(World(a_run(), job, [pod]).plan().status)
    assert (told["reason"], told["message"]) == ("DataMissing", f"no raw.csv. {own}")


def test_a_remedy_is_told_after_a_message_of_any_length() -> None:
    pod = a_pod("it was killed")
    (train,) = pod["status"]["containerStatuses"]
    train["state"]["terminated"]["message"] = "panic! " * 10_000
    message = condition(World(a_run(), a_job(None, failed()), [pod]).plan().status)["message"]
    assert message.endswith(OUTCOMES[Reason.CONTAINER_FAILED].remedy)
    assert len(message) <= 4096


def report(reason: Reason, promoted: bool, why: str) -> Object:
    """A pod whose trainer ended well and said what became of its version."""
    version = ModelVersion(name="iris", version="2", promoted=promoted, reason=why)
    result = Result(reason=reason, message="the data are pinned", model=version)
    pod = a_pod("its end was well")
    train = container_status(pod, "train")
    assert train is not None
    train["state"]["terminated"]["message"] = result.dump()
    return pod


def started_by(type_: str) -> Object:
    run = a_run()
    said = json.dumps({"type": type_, "name": "mine"})
    run["metadata"].setdefault("annotations", {})[names.TRIGGERED_BY_ANNOTATION] = said
    return run


@pytest.mark.parametrize(
    ("promoted", "why", "warned"),
    [
        (True, "AlreadyChampion: f1 0.9", False),
        (False, "NotBetter: f1 0.8 against 0.9 of version 1", False),
        (False, "ChampionNotComparable: version 1, the champion, has no f1 on today's data", True),
    ],
)
def test_what_became_of_the_model_is_a_condition_and_a_stalled_promotion_a_warning(
    promoted: bool, why: str, warned: bool
) -> None:
    pod = report(Reason.UP_TO_DATE, promoted, why)
    status = World(a_run(model={"name": "iris"}), a_job(None, complete()), [pod]).plan().status
    told = condition(status, "Promoted")
    assert f"{told['reason']}: {told['message']}" == f"{why}."
    assert told["status"] == str(promoted)
    assert status is not None
    assert bool([*warnings(status)]) == warned
    check_status(status)


@pytest.mark.parametrize(
    ("trigger", "reason", "warned"),
    [
        ("Drift", Reason.UP_TO_DATE, True),
        ("Metric", Reason.UP_TO_DATE, True),
        ("Data", Reason.UP_TO_DATE, True),
        ("Drift", Reason.TRAINED, False),
        ("Cron", Reason.UP_TO_DATE, False),
        ("Release", Reason.UP_TO_DATE, False),
        ("Manual", Reason.UP_TO_DATE, False),
    ],
)
def test_a_run_that_was_called_for_and_had_nothing_to_train_is_a_warning(
    trigger: str, reason: Reason, warned: bool
) -> None:
    pod = report(reason, True, "AlreadyChampion: f1 0.9")
    run = started_by(trigger)
    status = World(run, a_job(run, complete()), [pod]).plan().status
    assert status is not None
    found = [one for one in warnings(status) if one["type"] == "Effective"]
    assert [one["status"] for one in found] == (["False"] if warned else [])
    assert all("the data are pinned" in one["message"] for one in found)
    assert all("spec.dvc.update" in one["message"] for one in found)
    check_status(status)


@pytest.mark.parametrize("kept", [12 * 1024 // 8, 12 * 1024 // 8 - 1])
@pytest.mark.parametrize("code", [0, 30])
def test_a_result_that_the_kubelet_has_cut_is_told_as_that(kept: int, code: int) -> None:
    pod = a_pod("its end was well")
    train = container_status(pod, "train")
    assert train is not None
    train["state"]["terminated"] |= {
        "message": '{"message":"' + "x" * (kept - 12),
        "exitCode": code,
    }
    pod["status"]["containerStatuses"] += [{"name": f"mesh-{n}", "state": {}} for n in range(6)]
    job = a_job(None, failed_by_policy(code) if code else complete())
    told = condition(World(a_run(), job, [pod]).plan().status)
    assert told["reason"] == ("StoreNotFound" if code else "ResultUnavailable")
    assert "of each of its 8 containers the kubelet keeps 1536 bytes" in told["message"]
