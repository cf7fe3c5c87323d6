"""Checks that saw nothing, and what may not start although they did."""

from plan.builders import condition
from plan.triggering import Life, a_check
from retrain_core.evidence import Unseen
from retrain_operator.kube import objects
from retrain_operator.plan.schedule.types import Delete
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
