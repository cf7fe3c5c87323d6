"""Checks that saw nothing, and what may not start although they did."""

import json

from plan.builders import condition
from plan.triggering import Life, a_check, minutes
from retrain_core.evidence import Evidence, MetricEvidence, Report, Unseen
from retrain_operator.kube import objects
from retrain_operator.plan.schedule.types import Check, Delete
from seen import DATA, QUALITY, RELEASE, data, metric, tag


def test_what_could_not_be_looked_at_is_a_condition_and_no_reason_to_train() -> None:
    life = Life.of(QUALITY, DATA)
    blind = Unseen(reason="NoSeries", message="accuracy has no value")
    life.look(quality=blind, data=data("a"))
    assert life.runs == []
    told = condition(life.schedule["status"], "Checked")
    assert (told["status"], told["reason"]) == ("False", "NoSeries")
    assert told["message"] == "quality: accuracy has no value."
    assert condition(life.schedule["status"], "Ready")["status"] == "True"
    life.look(quality=metric(0.95), data=data("a"))
    assert condition(life.schedule["status"], "Checked")["status"] == "True"


def test_a_check_that_ended_without_a_report_is_a_condition_until_one_reports() -> None:
    life = Life.of(QUALITY)
    life.settle()
    assert condition(life.schedule["status"], "Checked")["status"] == "Unknown"
    life.checks.append(a_check(0, life.now, None, "DeadlineExceeded"))
    life.settle()
    told = condition(life.schedule["status"], "Checked")
    assert told["reason"] == "CheckFailed"
    assert "spec.check.timeoutSeconds (300 s)" in told["message"]


def test_suspended_starts_nothing_and_keeps_what_only_releases_would_lose() -> None:
    life = Life.of(RELEASE, QUALITY, suspend=True)
    life.look(release=[], quality=metric(0.8))
    life.look(release=[tag(1)], quality=metric(0.8))
    assert life.runs == []
    assert life.told("release")["waits"] == "spec.suspend is set"
    assert "due" not in life.told("quality")
    life.schedule["spec"]["suspend"] = False
    life.settle()
    assert life.releases == ["v1.1.0"]


def test_the_clock_and_the_checks_of_a_deleted_trigger_go() -> None:
    life = Life.of(RELEASE)
    life.settle()
    assert [objects.name(one) for one in life.cron_jobs] == ["iris-check"]
    life.schedule["spec"]["triggers"] = [{"name": "weekly", "cron": {"schedule": "0 0 * * 1"}}]
    gone = [action for action in life.planned().actions if isinstance(action, Delete)]
    assert [(objects.name(one.item), one.orphan) for one in gone] == [("iris-check", False)]


def ended_with(life: Life, message: str, containers: int) -> Check:
    """A check that has ended well with ``message``, in a pod of so many containers."""
    life.made += 1
    life.now += minutes(10)
    job = a_check(life.made, life.now, Report(triggers=[])).job
    state = {"terminated": {"exitCode": 0, "message": message}}
    injected = [{"name": f"mesh-{number}", "state": {}} for number in range(containers - 2)]
    status = {
        "initContainerStatuses": [{"name": "look", "state": {}}],
        "containerStatuses": [{"name": "check", "state": state}, *injected],
    }
    return Check(job, [{"metadata": {"name": "iris-check-1"}, "status": status}])


def test_a_trigger_that_a_report_had_no_room_for_is_told_what_to_do() -> None:
    life = Life.of(QUALITY, DATA)
    life.look(quality=metric(0.95), data=data("a"))
    seen = Evidence(
        trigger="quality", about=life.told("quality")["about"], metric=MetricEvidence(value="0.95")
    )
    life.checks.append(ended_with(life, Report(triggers=[seen], left_out=1).dump(), 2))
    life.settle()
    assert life.told("quality")["reason"] == "WithinThreshold"
    told = life.told("data")
    assert told["reason"] == "CheckFailed"
    assert told["known"] == "a"
    assert "move some triggers to another RetrainSchedule" in told["message"]


def test_a_report_that_the_kubelet_has_cut_is_told_as_that() -> None:
    life = Life.of(QUALITY)
    life.settle()
    cut = json.dumps({"triggers": ["x" * 4000]})[: 12 * 1024 // 8]
    life.checks.append(ended_with(life, cut, 8))
    life.settle()
    told = condition(life.schedule["status"], "Checked")
    assert told["reason"] == "CheckFailed"
    assert "of each of its 8 containers the kubelet keeps 1536 bytes" in told["message"]
    assert life.runs == []
