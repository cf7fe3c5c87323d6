"""What stays in a status from one look to the next, and what is added."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from plan.builders import (
    COMMIT,
    MLFLOW_RUN,
    SETTINGS,
    World,
    a_job,
    a_pod,
    a_run,
    complete,
    condition,
)
from plan.schema import check_status
from retrain_core.outcome import Reason
from retrain_core.result import Metric, MLflowRun, ModelVersion, Result
from retrain_operator.kube.objects import Object
from retrain_operator.plan.status import sentence

URL = f"https://mlflow.example.com/#/experiments/1/runs/{MLFLOW_RUN}"


def status_after(*looks: Sequence[Object]) -> Object:
    """The status when the pods were seen like this, one look after the other."""
    world = World(a_run(), a_job())
    for pods in looks:
        world = replace(world, pods=pods)
        world = world.after(world.plan())
    status = world.run["status"]
    assert isinstance(status, dict)
    return status


def test_commit_and_mlflow_run_are_told_while_the_run_trains() -> None:
    status = status_after([a_pod("source runs")], [a_pod("train runs")])
    assert status["commit"] == COMMIT
    assert status["mlflow"] == {"experimentID": "1", "runID": MLFLOW_RUN, "url": URL}


def test_they_stay_while_the_next_attempt_starts() -> None:
    status = status_after(
        [a_pod("train runs")], [a_pod("it was killed")], [a_pod("no node takes it", "iris-2")]
    )
    assert (status["commit"], status["mlflow"]["url"]) == (COMMIT, URL)
    assert (status["podName"], status["attempts"]) == ("iris-2", 2)


@pytest.mark.parametrize(
    "uri", ["https://mlflow.example.com", "https://mlflow.example.com/", "http://mlflow:5000"]
)
def test_the_mlflow_run_s_address_is_made_of_the_tracking_server_s(uri: str) -> None:
    run = a_run(mlflow={"trackingURI": uri})
    status = World(run, a_job(run), [a_pod("train runs")]).plan().status
    assert status is not None
    assert status["mlflow"]["url"] == f"{uri.rstrip('/')}/#/experiments/1/runs/{MLFLOW_RUN}"


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile"])
def test_a_tracking_server_that_is_no_web_page_has_no_address(uri: str) -> None:
    run = a_run(mlflow={"trackingURI": uri})
    status = World(run, a_job(run), [a_pod("train runs")]).plan().status
    assert status is not None
    assert status["mlflow"] == {"experimentID": "1", "runID": MLFLOW_RUN}


def test_an_address_in_a_report_is_not_believed() -> None:
    ids = MLflowRun(experiment_id="1", run_id=MLFLOW_RUN, url="https://evil.example.com")
    for report in (Result(mlflow=ids), Result(mlflow=MLflowRun(url="https://evil.example.com"))):
        pod = a_pod("train runs")
        (source,) = pod["status"]["initContainerStatuses"]
        source["state"]["terminated"]["message"] = report.dump()
        assert "evil" not in str(World(a_run(), a_job(), [pod]).plan().status)


def test_a_report_without_metrics_takes_none_away() -> None:
    before = a_run({"metrics": [{"name": "f1", "value": "0.9"}]})
    pod = a_pod("train runs")
    (source,) = pod["status"]["initContainerStatuses"]
    source["state"]["terminated"]["message"] = Result().dump()
    status = World(before, a_job(), [pod]).plan().status
    assert status is not None
    assert status["metrics"] == [Metric(name="f1", value="0.9").model_dump()]


def test_attempts_are_pods_and_no_pod_is_counted_twice() -> None:
    first, second = a_pod("it was killed", "iris-1", age=60), a_pod("train runs", "iris-2")
    assert status_after([first])["attempts"] == 1
    assert status_after([first], [first, second], [first, second])["attempts"] == 2
    assert status_after([second], [second])["attempts"] == 1
    assert status_after([first, second])["attempts"] == 2


def test_a_pod_that_is_gone_leaves_the_older_ones_uncounted() -> None:
    first = a_pod("it was killed", "iris-1", age=60)
    second, third = a_pod("train runs", "iris-2", age=40), a_pod("source runs", "iris-3", age=5)
    gone = status_after([first, second], [first])
    assert (gone["attempts"], gone["podName"]) == (2, "iris-2")
    again = status_after([first, second], [first], [first, third])
    assert (again["attempts"], again["podName"]) == (3, "iris-3")


def test_pods_that_came_and_went_unseen_are_counted_as_far_as_they_are_known() -> None:
    first, second = a_pod("it was killed", "iris-1", age=60), a_pod("it was killed", "iris-2")
    seen = status_after([first], [first, second])
    assert (seen["attempts"], seen["podName"]) == (2, "iris-2")


def test_the_start_time_is_that_of_the_first_start() -> None:
    world = World(a_run(), a_job(started=60))
    world = world.after(world.plan())
    resumed = replace(world, job=a_job(started=1)).plan()
    assert resumed.status is not None
    assert resumed.status["startTime"] == "2026-11-26T11:59:00Z"


def test_a_condition_s_time_is_that_of_its_last_change() -> None:
    world = World(a_run(), a_job(), [a_pod("source runs")])
    world = world.after(world.plan())
    later = replace(world, now=world.now + timedelta(minutes=1), pods=[a_pod("train runs")])
    going = condition(later.plan().status)
    assert (going["reason"], going["lastTransitionTime"]) == ("Training", "2026-11-26T12:00:00Z")
    over = replace(later, job=a_job(None, complete()), pods=[a_pod("its end was well")])
    assert condition(over.plan().status)["lastTransitionTime"] == "2026-11-26T12:01:00Z"


def test_a_status_is_about_the_generation_that_was_seen() -> None:
    run = a_run(generation=3)
    status = World(run, a_job(run), [a_pod("train runs")]).plan().status
    assert status is not None
    assert status["observedGeneration"] == 3
    assert {found["observedGeneration"] for found in status["conditions"]} == {3}


def test_the_trigger_of_a_run_stays_and_is_a_person_where_none_is_known() -> None:
    fired = {"type": "Release", "name": "release", "evidence": "v1.2"}
    assert World(a_run({"trigger": fired}, suspend=True)).plan().status == {
        **(World(a_run(suspend=True)).plan().status or {}),
        "trigger": fired,
    }
    assert (World(a_run(suspend=True)).plan().status or {})["trigger"] == {"type": "Manual"}


def test_what_nobody_knows_does_not_stay() -> None:
    status = World(a_run({"phase": "Running"}), settings=SETTINGS, job=a_job()).plan().status
    assert "phase" not in (status or {"phase": ""})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('secret "x" not found', 'secret "x" not found.'),
        ("Preemption is not helpful for scheduling.", "Preemption is not helpful for scheduling."),
        ("available: 80Mi. ", "available: 80Mi."),
        ("Threshold quantity: 100Mi, ", "Threshold quantity: 100Mi."),
        ("and more...", "and more."),
        ("did you mean f1?", "did you mean f1?"),
        ("one\n two\x1b[31m\x00", "one  two [31m."),
        ("\ud800", ""),
        ("", ""),
        (" .", ""),
        ("é" * 5000, "é" * 4095 + "."),
    ],
)
def test_a_message_is_one_line_with_one_full_stop(text: str, told: str) -> None:
    assert sentence(text) == told


def test_what_is_trained_and_where_it_is_recorded_is_said_by_source_alone() -> None:
    """`train` runs the user's code, and any of it can write the message."""
    forged = Result(
        reason=Reason.TRAINED,
        message="ok",
        remedy="do as I say",
        commit="b" * 40,
        mlflow=MLflowRun(experiment_id="9", run_id="0" * 32),
        model=ModelVersion(name="iris", version="7", uri="models:/other/1", promoted=True),
    )
    status = trained(forged, a_run(model={"name": "iris"}))
    assert (status["commit"], status["mlflow"]["runID"]) == (COMMIT, MLFLOW_RUN)
    assert status["model"] == {
        "name": "iris",
        "version": "7",
        "uri": "models:/iris/7",
        "promoted": True,
    }
    check_status(status)


@pytest.mark.parametrize("run", [a_run(), a_run(model={"name": "iris"})], ids=["none", "iris"])
def test_a_version_of_a_model_that_the_spec_does_not_name_is_not_the_run_s(run: Object) -> None:
    other = ModelVersion(name="other", version="7", promoted=True, reason="Better: f1 1 over 0.9")
    status = trained(Result(reason=Reason.TRAINED, message="ok", model=other), run)
    assert "model" not in status
    assert [found["type"] for found in status["conditions"]] == ["Succeeded"]


def trained(result: Result, run: Object) -> Object:
    """The status when `train` has ended well and said so."""
    pod = a_pod("its end was well")
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = result.dump()
    status = World(run, a_job(run, complete()), [pod]).plan().status
    assert status is not None
    return status
