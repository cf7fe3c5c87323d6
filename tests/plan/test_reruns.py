"""Runs of triggers that failed, were cancelled or deleted."""

import pytest

from plan.triggering import HOUR, Life, minutes
from retrain_operator.kube import objects
from retrain_operator.plan.schedule.reruns import MAX_RETRIES, delay
from seen import QUALITY, RELEASE, metric, tag


def test_a_failed_run_is_tried_again_later_each_time_and_given_up_in_the_end() -> None:
    life = Life.of(QUALITY)
    life.look(quality=metric(0.8))
    for retry in range(MAX_RETRIES):
        life.end("StageFailed")
        life.settle()
        life.now += delay(retry) - minutes(1)
        life.check(quality=metric(0.8 - retry / 100))
        life.settle()
        assert len(life.active) == 0
        life.now += minutes(1)
        life.settle()
        assert len(life.active) == 1
    life.end("StageFailed")
    life.settle()
    assert life.told("quality")["reason"] == "GaveUp"
    for _ in range(3):
        life.now += 24 * HOUR
        life.look(quality=metric(0.8))
        assert life.told("quality")["reason"] == "GaveUp"
    assert life.active == []
    life.look(quality=metric(0.95))
    life.look(quality=metric(0.8))
    assert len(life.active) == 1


@pytest.mark.parametrize("reason", ["Cancelled", None])
def test_a_run_that_somebody_cancelled_or_deleted_is_not_tried_again(reason: str | None) -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    life.look(release=[tag(1)])
    if reason:
        life.end(reason)
    else:
        life.delete(life.runs[0])
    life.now += 24 * HOUR
    life.look(release=[tag(1)])
    assert life.active == []
    assert "started" not in life.told("release")


def test_a_copy_of_a_run_is_none_of_the_schedule_s() -> None:
    life = Life.of(RELEASE, failedRunsHistoryLimit=0, successfulRunsHistoryLimit=0)
    life.look(release=[])
    life.look(release=[tag(1)])
    copied = {**life.runs[0], "metadata": {**life.runs[0]["metadata"], "name": "a-copy"}}
    copied["metadata"]["uid"] = "another"
    life.runs.append(copied)
    life.end("Trained", copied)
    life.end("Trained", life.runs[0])
    life.settle()
    assert [objects.name(run) for run in life.runs] == ["a-copy"]
