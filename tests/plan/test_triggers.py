"""What follows from what the checks see: which runs start, when, and what the status says of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plan.builders import SETTINGS, condition
from plan.triggering import (
    DATA,
    DRIFT,
    OWNER,
    QUALITY,
    RELEASE,
    Life,
    a_check,
    data,
    drift,
    metric,
    tag,
)
from retrain_core import names
from retrain_core.build.cronjob import Schedule
from retrain_core.crd.status import MAX_FIRINGS, Firing
from retrain_core.evidence import Tag, Unseen
from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN
from retrain_operator.plan.schedule.firing import run_name
from retrain_operator.plan.schedule.plan import plan_schedule
from retrain_operator.plan.schedule.retries import MAX_RETRIES, delay
from retrain_operator.plan.schedule.triggers import stored
from retrain_operator.plan.schedule.types import Create, Delete

HOUR = timedelta(hours=1)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


# Releases.


def test_what_was_there_at_the_first_check_is_recorded_and_not_trained() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(1), tag(2)])
    assert life.runs == []
    assert life.told("release")["reason"] == "Recorded"
    life.look(release=[tag(1), tag(2)])
    assert life.runs == []


def test_with_train_existing_the_highest_of_them_is_trained() -> None:
    life = Life.of({**RELEASE, "release": {"tagPattern": "v*", "trainExisting": "Latest"}})
    life.look(release=[tag(1), tag(2)])
    assert life.releases == ["v1.2.0"]


def test_new_tags_train_in_their_order_one_after_the_other_each_at_its_commit() -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    life.look(release=[tag(1), tag(2), tag(3)])
    assert life.releases == ["v1.1.0"]
    assert "waits for" in life.told("release")["waits"]
    for number in (1, 2, 3):
        life.end("Trained")
        life.settle()
        assert len(life.runs) == min(number + 1, 3)
    revisions = [run["spec"]["source"]["git"]["revision"] for run in life.runs]
    assert revisions == [tag(number).commit for number in (1, 2, 3)]
    life.look(release=[tag(1), tag(2), tag(3)])
    assert len(life.runs) == 3


def test_a_tag_that_is_lower_than_a_known_one_is_new_all_the_same() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(5)])
    life.look(release=[tag(4), tag(5)])
    assert life.releases == ["v1.4.0"]


def test_a_tag_that_was_moved_is_told_and_not_trained() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(1)])
    life.look(release=[tag(1, "b")])
    assert life.runs == []
    assert life.told("release")["reason"] == "TagMoved"
    assert "v1.1.0 (now bbbbbbbbbbbb)" in life.told("release")["message"]


def test_another_pattern_begins_anew() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(1)])
    life.schedule["spec"]["triggers"] = [{"name": "release", "release": {"tagPattern": "*"}}]
    life.look(release=[tag(1), tag(2)])
    assert life.runs == []
    assert life.told("release")["reason"] == "Recorded"


def test_a_check_that_was_made_before_the_pattern_changed_says_nothing() -> None:
    life = Life.of(RELEASE)
    life.look(release=[tag(1)])
    life.check(release=[tag(1), tag(2)])
    life.schedule["spec"]["triggers"] = [{"name": "release", "release": {"tagPattern": "*"}}]
    life.settle()
    assert life.runs == []
    assert "reason" not in life.told("release")
    assert life.told("release")["message"] == "no check has ended yet."


def test_a_release_heeds_no_cooldown_and_is_cancelled_by_nothing() -> None:
    life = Life.of(RELEASE, QUALITY, concurrencyPolicy="Replace")
    life.look(release=[], quality=metric(0.8))
    life.end("Trained")
    life.look(release=[tag(1)], quality=metric(0.95))
    assert life.releases == ["v1.1.0"]
    life.now += HOUR
    life.look(release=[tag(1)], quality=metric(0.8))
    assert not any(run["spec"].get("cancel") for run in life.runs)
    assert len(life.runs) == 2


# Data.


def test_each_change_of_the_data_trains_once_with_its_imports_refreshed() -> None:
    life = Life.of(DATA, cooldownSeconds=0)
    for id_ in ("a", "b", "b", "a", "a"):
        life.look(data=data(id_))
        if life.active:
            life.end("Trained")
    assert len(life.runs) == 2
    assert [run["spec"]["dvc"]["update"] for run in life.runs] == [["raw.csv.dvc"]] * 2
    said = [objects.annotations(run)[names.TRIGGERED_BY_ANNOTATION] for run in life.runs]
    assert "a -> b" in said[0]
    assert "b -> a" in said[1]


def test_data_that_change_back_before_their_run_could_start_start_none() -> None:
    life = Life.of(DATA, QUALITY, cooldownSeconds=0)
    life.look(data=data("a"), quality=metric(0.8))
    life.look(data=data("b"), quality=metric(0.95))
    assert "waits for" in life.told("data")["waits"]
    life.look(data=data("a"), quality=metric(0.95))
    life.end("Trained")
    life.settle()
    assert len(life.runs) == 1


def test_data_that_change_while_their_run_goes_on_start_another_after_it() -> None:
    life = Life.of(DATA, cooldownSeconds=0)
    for id_ in ("a", "b", "c"):
        life.look(data=data(id_))
    assert len(life.runs) == 1
    life.end("Trained")
    life.settle()
    assert len(life.runs) == 2


# Drift and metric.


def test_the_same_data_against_the_same_champion_start_one_run() -> None:
    life = Life.of(DRIFT, cooldownSeconds=0)
    life.look(drift=drift("d1"))
    life.end("Trained")
    life.look(drift=drift("d1"))
    assert life.told("drift")["reason"] == "AlreadyTrained"
    assert len(life.runs) == 1
    life.look(drift=drift("d1", champion="4"))
    assert len(life.runs) == 2


def test_what_has_not_drifted_starts_nothing() -> None:
    life = Life.of(DRIFT)
    life.look(drift=drift("d1", drifted=0))
    assert life.runs == []
    assert life.told("drift")["reason"] == "NotDrifted"


def test_a_metric_starts_one_run_and_none_in_its_cooldown_though_it_changes() -> None:
    life = Life.of(QUALITY)
    life.look(quality=metric(0.8))
    life.end("Trained")
    for value in (0.79, 0.7, 0.6):
        life.look(quality=metric(value))
        assert len(life.runs) == 1
        assert "cooldownSeconds" in life.told("quality")["waits"]
    life.now += HOUR
    life.settle()
    assert len(life.runs) == 2
    assert "0.6 is below 0.9" in objects.annotations(life.runs[1])[names.TRIGGERED_BY_ANNOTATION]


def test_a_metric_that_has_recovered_in_its_cooldown_starts_nothing() -> None:
    life = Life.of(QUALITY)
    life.look(quality=metric(0.8))
    life.end("Trained")
    life.look(quality=metric(0.8))
    life.look(quality=metric(0.95))
    life.now += HOUR
    life.settle()
    assert len(life.runs) == 1


# What failed.


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


def test_a_run_that_failed_holds_no_later_release_back() -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    life.look(release=[tag(1), tag(2)])
    life.end("StageFailed")
    life.settle()
    assert life.releases[-1] == "v1.2.0"
    life.end("Trained")
    life.now += minutes(10)
    life.settle()
    assert life.releases[-1] == "v1.1.0"


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


# What could not be looked at, and what may not start.


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


def test_replace_cancels_what_the_same_trigger_has_started_and_starts_when_it_has_ended() -> None:
    life = Life.of(DATA, concurrencyPolicy="Replace", cooldownSeconds=0)
    for id_ in "abc":
        life.look(data=data(id_))
    assert [run["spec"].get("cancel") for run in life.runs] == [True]
    life.end("Cancelled")
    life.settle()
    assert len(life.active) == 1


def test_two_triggers_that_stay_bad_do_not_cancel_each_other() -> None:
    life = Life.of(QUALITY, DATA, concurrencyPolicy="Replace", cooldownSeconds=0)
    life.look(quality=metric(0.8), data=data("a"))
    life.look(quality=metric(0.8), data=data("b"))
    assert "waits for the end of" in life.told("data")["waits"]
    assert [run["spec"].get("cancel") for run in life.runs] == [None]
    life.end("Trained")
    life.settle()
    assert len(life.runs) == 2


def test_a_trigger_that_comes_again_under_its_old_name_takes_no_old_run_for_its_own() -> None:
    life = Life.of(DATA, cooldownSeconds=0)
    for id_ in "ab":
        life.look(data=data(id_))
    life.end("Trained")
    life.settle()
    life.schedule["spec"]["triggers"] = [QUALITY]
    life.look(quality=metric(0.95))
    life.schedule["spec"]["triggers"] = [DATA]
    for id_ in "bc":
        life.look(data=data(id_))
    assert len(life.runs) == 2
    assert len(life.active) == 1


def test_of_a_trigger_that_became_about_something_else_nothing_is_tried_again() -> None:
    life = Life.of(DATA, cooldownSeconds=0)
    for id_ in "ab":
        life.look(data=data(id_))
    life.schedule["spec"]["triggers"] = [{"name": "data", "data": {"paths": ["other.dvc"]}}]
    life.look(data=data("x"))
    life.end("StageFailed")
    life.settle()
    assert life.told("data")["known"] == "x"
    assert "due" not in life.told("data")


def test_no_more_releases_wait_than_a_status_can_hold() -> None:
    life = Life.of(RELEASE, concurrencyPolicy="Allow", successfulRunsHistoryLimit=100)
    life.look(release=[])
    tags = [tag(number) for number in range(1, 61)]
    for _ in range(3):
        life.look(release=tags)
    assert len(life.told("release")["started"]) == MAX_FIRINGS
    assert "40 runs are due or active" in life.told("release")["message"]
    while life.active:
        life.end("Trained")
    life.look(release=tags)
    assert life.releases == [one.name for one in tags]


def test_allow_waits_for_nothing() -> None:
    life = Life.of(RELEASE, concurrencyPolicy="Allow")
    life.look(release=[])
    life.look(release=[tag(1), tag(2)])
    assert len(life.active) == 2


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


def test_a_run_has_a_name_that_kubernetes_takes_at_the_limit_of_the_schedule_s() -> None:
    schedule = Schedule("s" * 43, "ml", "uid")
    assert len(run_name(schedule, "t" * 8, Firing(episode="1"))) == 63


def test_a_run_whose_name_is_taken_is_told_waits_and_starts_when_it_is_free() -> None:
    life = Life.of(RELEASE)
    life.look(release=[])
    life.check(release=[tag(1)])
    life.step()
    (due,) = stored(life.schedule)["release"].due
    name = run_name(OWNER, "release", due)
    seen = replace(life.seen(), taken=frozenset({(TRAINING_RUN, name)}))
    decided = plan_schedule(seen, SETTINGS, life.now)
    assert not [action for action in decided.actions if isinstance(action, Create)]
    told = condition(decided.status, "Ready")
    assert (told["reason"], name in told["message"]) == ("NameTaken", True)
    assert decided.status is not None
    assert decided.status["triggers"][0]["due"]
    life.settle()
    assert life.releases == ["v1.1.0"]


def test_the_clock_and_the_checks_of_a_deleted_trigger_go() -> None:
    life = Life.of(RELEASE)
    life.settle()
    assert [objects.name(one) for one in life.cron_jobs] == ["iris-check"]
    life.schedule["spec"]["triggers"] = [{"name": "weekly", "cron": {"schedule": "0 0 * * 1"}}]
    gone = [action for action in life.planned().actions if isinstance(action, Delete)]
    assert [(objects.name(one.item), one.orphan) for one in gone] == [("iris-check", False)]


# Whatever crashes.


def test_a_run_whose_start_could_not_be_written_down_is_waited_for_by_nobody() -> None:
    life = Life.of(QUALITY, concurrencyPolicy="Replace", cooldownSeconds=0)
    life.settle()
    life.check(quality=metric(0.8))
    life.step()
    life.step(status=False)
    (run,) = life.runs
    life.settle()
    assert "cancel" not in run["spec"]
    assert "due" not in life.told("quality")
    assert len(life.told("quality")["started"]) == 1
    life.end("Trained")
    life.settle()
    assert life.runs == [run]
    assert "started" not in life.told("quality")


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_each_tag_trains_once_wherever_passes_end_and_whatever_checks_know(
    draw: st.DataObject,
) -> None:
    life = Life.of(RELEASE, successfulRunsHistoryLimit=100)
    life.look(release=[])
    pushed: list[Tag] = []
    for _ in range(draw.draw(st.integers(1, 12))):
        match draw.draw(st.sampled_from(["push", "check", "pass", "crash", "end"])):
            case "push":
                pushed.append(tag(len(pushed) + 1))
            case "check":
                life.now += minutes(10)
                life.check(release=pushed)
            case "pass":
                life.step()
            case "crash":
                life.step(actions=draw.draw(st.integers(0, 3)), status=False)
            case "end" if life.active:
                life.end("Trained")
        assert len(life.active) <= 1
        assert len(life.releases) == len({*life.releases})
    for _ in range(len(pushed) + 2):
        life.look(release=pushed)
        if life.active:
            life.end("Trained")
    assert life.releases == [tag.name for tag in pushed]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_level_that_stays_bad_never_has_two_runs_at_once_nor_in_a_cooldown(
    draw: st.DataObject,
) -> None:
    life = Life.of(QUALITY, DATA, failedRunsHistoryLimit=100, successfulRunsHistoryLimit=100)
    life.look(quality=metric(0.95), data=data("a"))
    ends = []
    done = set()
    for _ in range(draw.draw(st.integers(1, 20))):
        runs = len(life.runs)
        done.add(what := draw.draw(st.sampled_from(["check", "pass", "crash", "end", "fail"])))
        match what:
            case "check":
                life.now += minutes(10)
                value = draw.draw(st.sampled_from([0.8, 0.7, 0.95]))
                life.check(quality=metric(value), data=data(draw.draw(st.sampled_from("ab"))))
            case "pass":
                life.step()
            case "crash":
                life.step(actions=draw.draw(st.integers(0, 3)), status=False)
            case "end" if life.active:
                life.end("Trained")
                ends.append(life.now)
            case "fail" if life.active:
                life.end("StageFailed")
        assert len(life.active) <= 1
        if len(life.runs) > runs and ends:
            assert life.now - ends[-1] >= HOUR
    # It starts again in the end; after failures perhaps later, or not at all once it has given up.
    failed = "fail" in done
    life.settle()
    for run in life.active:
        life.end("Trained", run)
    life.now += HOUR
    life.look(quality=metric(0.8), data=data("a"))
    assert life.active or failed
