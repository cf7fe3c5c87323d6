"""The status that is made of a result."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from retrain_core.outcome import OUTCOMES, Reason
from retrain_core.result import DVCState, Metric, MLflowRun, ModelVersion, Result, Stage
from retrain_core.status import finished_status, timestamp

STARTED = datetime(2026, 11, 24, 12, 0, 0, 999_999, tzinfo=UTC)
ENDED = STARTED + timedelta(minutes=1)


@pytest.mark.parametrize("reason", Reason)
def test_every_outcome_sets_the_condition_and_the_completion_time(reason: Reason) -> None:
    status = finished_status(
        Result(reason=reason, message="so it was"), started=STARTED, ended=ENDED, generation=3
    )
    (condition,) = status["conditions"]
    assert condition == {
        "type": "Succeeded",
        "status": "True" if OUTCOMES[reason].succeeded else "False",
        "reason": str(reason),
        "message": "so it was",
        "lastTransitionTime": "2026-11-24T12:01:00Z",
        "observedGeneration": 3,
    }
    assert status["startTime"] == "2026-11-24T12:00:00Z"
    assert status["completionTime"] == "2026-11-24T12:01:00Z"
    assert status["observedGeneration"] == 3


def test_a_result_without_a_reason_is_a_fault_of_ours() -> None:
    (condition,) = finished_status(Result(), started=STARTED, ended=ENDED)["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "InternalError")


def test_what_is_known_stands_in_the_status_under_the_names_of_the_api() -> None:
    result = Result(
        reason=Reason.TRAINED,
        commit="a" * 40,
        mlflow=MLflowRun(experiment_id="1", run_id="f" * 32, url="https://mlflow/#/1"),
        stages=[Stage(name="train", state="Ran", seconds=1.5)],
        metrics=[Metric(name="f1", value="0.9")],
        dvc=DVCState(lock_md5="b" * 32, remote="s3://bucket"),
        model=ModelVersion(name="iris", version="2", promoted=False, previous_version="1"),
    )
    status = finished_status(result, started=STARTED, ended=ENDED)
    assert status["commit"] == "a" * 40
    assert status["mlflow"]["runID"] == "f" * 32
    assert status["mlflow"]["experimentID"] == "1"
    assert status["stages"] == [{"name": "train", "state": "Ran", "seconds": 1.5}]
    assert status["metrics"] == [{"name": "f1", "value": "0.9"}]
    assert status["dvc"] == {"lockMD5": "b" * 32, "remote": "s3://bucket"}
    assert status["model"] == {
        "name": "iris",
        "version": "2",
        "promoted": False,
        "previousVersion": "1",
    }


def test_what_is_not_known_does_not_stand_in_the_status() -> None:
    status = finished_status(Result(reason=Reason.INVALID_SPEC), started=STARTED, ended=ENDED)
    assert set(status) == {"observedGeneration", "conditions", "startTime", "completionTime"}


def test_times_are_told_in_utc_and_whole_seconds() -> None:
    seoul = datetime(2026, 11, 24, 21, 0, 0, 1, tzinfo=timezone(timedelta(hours=9)))
    assert timestamp(seoul) == "2026-11-24T12:00:00Z"
