"""What is next for a schedule: its clocks, its records, its history, and what it tells."""

import copy
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plan.builders import NOW, SETTINGS, ago, condition, deleted
from retrain_core import names
from retrain_core.build.cronjob import TEMPLATES_ANNOTATION
from retrain_operator.kube import objects
from retrain_operator.kube.objects import CRON_JOB, JOB, TRAINING_RUN, Object
from retrain_operator.plan.schedule.clocks import wanted_clocks
from retrain_operator.plan.schedule.plan import plan_schedule
from retrain_operator.plan.schedule.recorded_jobs import record
from retrain_operator.plan.schedule.types import (
    Action,
    Apply,
    Create,
    Delete,
    Patch,
    SchedulePlan,
    Seen,
    Situation,
)

RUN_SPEC = {"source": {"git": {"url": "https://git.example.com/team/iris.git"}}}
WEEKLY = {"name": "weekly", "cron": {"schedule": "0 0 * * 1", "timeZone": "Asia/Seoul"}}
HOURLY = {"name": "hourly", "cron": {"schedule": "0 * * * *"}}


def a_schedule(*triggers: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "retrain.dev/v1alpha1",
        "kind": "RetrainSchedule",
        "metadata": {
            "name": "iris",
            "namespace": "ml",
            "uid": "schedule-uid",
            "resourceVersion": "1",
            "generation": 1,
        },
        "spec": {
            "runTemplate": {"metadata": {"labels": {"team": "ml"}}, "spec": RUN_SPEC},
            "triggers": [*(triggers or (WEEKLY,))],
            **spec,
        },
    }


def with_clocks(seen: Seen) -> Seen:
    """The same with the CronJobs that it wants."""
    bodies = copy.deepcopy(wanted_clocks(Situation(seen, SETTINGS, NOW)))
    for body in bodies:
        body["metadata"] |= {"uid": f"{objects.name(body)}-uid", "resourceVersion": "1"}
    return replace(seen, cron_jobs=bodies)


SETTLED = with_clocks(Seen(a_schedule()))


def a_job(name: str, *, recorded: str | None = None, age: float = 60) -> Object:
    """One that the clock has started."""
    (clock,) = SETTLED.cron_jobs
    job: Object = copy.deepcopy(clock["spec"]["jobTemplate"])
    job["metadata"] |= {
        "name": name,
        "namespace": "ml",
        "uid": f"{name}-uid",
        "resourceVersion": "5",
        "creationTimestamp": ago(age),
        "ownerReferences": [
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "name": objects.name(clock),
                "uid": objects.uid(clock),
                "controller": True,
            }
        ],
    }
    due = "2026-11-26T11:59:00+09:00"
    job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] = due
    if recorded:
        job["metadata"]["annotations"][names.RECORDED_ANNOTATION] = recorded
    return job


def a_run(name: str, reason: str | None = None, *, age: float = 60, **status: Any) -> Object:
    """The record of such a Job; ended ``age`` seconds ago if there is a ``reason``."""
    template = SETTLED.run_template
    run = record(Situation(SETTLED, SETTINGS, NOW), a_job(name), template)
    run["metadata"] |= {
        "uid": f"{name}-run",
        "resourceVersion": "7",
        "creationTimestamp": ago(age + 60),
    }
    run["status"] = {"jobUID": f"{name}-uid", **status}
    if reason:
        well = str(reason in ("Trained", "UpToDate"))
        succeeded = {"type": "Succeeded", "status": well, "reason": reason}
        run["status"] |= {"completionTime": ago(age), "conditions": [succeeded]}
    return run


def planned(seen: Seen) -> SchedulePlan:
    return plan_schedule(seen, SETTINGS, NOW)


def of(kind: type[Action], decided: SchedulePlan) -> list[Any]:
    return [action for action in decided.actions if isinstance(action, kind)]


# Clocks.


def test_each_cron_trigger_gets_a_clock_with_the_trainer_s_own_job() -> None:
    decided = planned(Seen(a_schedule(WEEKLY, HOURLY)))
    made = {objects.name(apply.body): apply.body for apply in of(Apply, decided)}
    assert [*made] == ["iris-weekly", "iris-hourly"]
    spec = made["iris-weekly"]["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("0 0 * * 1", "Asia/Seoul")
    assert (spec["suspend"], spec["concurrencyPolicy"]) == (False, "Forbid")
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (100, 100)
    job = spec["jobTemplate"]["spec"]
    assert "ttlSecondsAfterFinished" not in job
    assert [container["name"] for container in job["template"]["spec"]["containers"]] == ["train"]
    assert decided.status is not None
    assert condition(decided.status, "Ready")["reason"] == "Waiting"


def test_a_schedule_that_stands_needs_nothing_but_its_status() -> None:
    decided = planned(SETTLED)
    assert decided.actions == ()
    assert decided.status is not None
    # NOW is a Thursday, 21:00 in Seoul.
    assert decided.status["nextScheduleTime"] == "2026-11-30T00:00:00+09:00"
    assert decided.again == timedelta(days=1)
    stored = replace(SETTLED, schedule={**SETTLED.schedule, "status": decided.status})
    assert planned(stored) == decided


@pytest.mark.parametrize(
    ("policy", "native"), [("Forbid", "Forbid"), ("Allow", "Allow"), ("Replace", "Allow")]
)
def test_kubernetes_never_replaces_a_job_itself(policy: str, native: str) -> None:
    (apply,) = of(Apply, planned(Seen(a_schedule(concurrencyPolicy=policy))))
    assert apply.body["spec"]["concurrencyPolicy"] == native


@pytest.mark.parametrize(
    "change",
    [
        {"suspend": True},
        {"concurrencyPolicy": "Allow"},
        {"triggers": [{**WEEKLY, "cron": {"schedule": "0 1 * * 1"}}]},
        {"runTemplate": {"spec": {**RUN_SPEC, "retries": 5}}},
    ],
    ids=str,
)
def test_a_changed_schedule_changes_its_clock(change: Object) -> None:
    schedule = a_schedule(**change)
    decided = planned(replace(SETTLED, schedule=schedule))
    (apply,) = of(Apply, decided)
    assert apply.item == SETTLED.cron_jobs[0]


def test_a_clock_that_is_wanted_no_more_stands_still_then_goes_once_all_is_recorded() -> None:
    seen = replace(SETTLED, schedule=a_schedule(HOURLY))
    assert of(Patch, planned(seen)) == [
        Patch(CRON_JOB, SETTLED.cron_jobs[0], {"spec": {"suspend": True}})
    ]
    clock = copy.deepcopy(SETTLED.cron_jobs[0])
    clock["spec"]["suspend"] = True
    seen = replace(seen, cron_jobs=[clock], jobs=[a_job("iris-weekly-1")])
    assert of(Delete, planned(seen)) == []
    seen = replace(seen, jobs=[a_job("iris-weekly-1", recorded="iris-weekly-1-run")])
    assert of(Delete, planned(seen)) == [Delete(CRON_JOB, clock, orphan=True)]


def test_a_clock_that_a_deleted_schedule_let_go_goes_before_one_of_its_name_is_made() -> None:
    (orphan,) = SETTLED.cron_jobs
    decided = planned(Seen(a_schedule(HOURLY, WEEKLY), orphans=[orphan]))
    assert of(Delete, decided) == [Delete(CRON_JOB, orphan, orphan=True)]
    assert [objects.name(apply.body) for apply in of(Apply, decided)] == ["iris-hourly"]
    assert of(Delete, planned(Seen(a_schedule(), orphans=[deleted(orphan)]))) == []


def test_a_template_that_fits_into_no_annotation_is_refused_before_it_is_read() -> None:
    for params in ({"x": "y" * 65536}, nested(2000)):
        template = {"spec": {**RUN_SPEC, "dvc": {"params": params}}}
        decided = planned(Seen(a_schedule(runTemplate=template)))
        assert decided.actions == ()
        told = condition(decided.status, "Ready")
        assert told["message"] == "spec.runTemplate: must not be larger than 64 KiB."


def nested(levels: int) -> Object:
    found: Object = {}
    for _ in range(levels):
        found = {"x": found}
    return found


def test_a_name_that_is_taken_is_told_and_left_alone() -> None:
    decided = planned(Seen(a_schedule(), taken=frozenset({(CRON_JOB, "iris-weekly")})))
    assert decided.actions == ()
    told = condition(decided.status, "Ready")
    assert (told["status"], told["reason"]) == ("False", "NameTaken")
    assert "iris-weekly" in told["message"]
    assert condition(decided.status, "Stalled")["status"] == "True"


def test_a_suspended_schedule_has_no_next_time() -> None:
    decided = planned(with_clocks(Seen(a_schedule(suspend=True))))
    assert decided.status is not None
    assert "nextScheduleTime" not in decided.status
    assert condition(decided.status, "Ready")["reason"] == "Suspended"


# Records.


def test_a_job_of_the_clock_gets_a_run_of_its_name_that_makes_no_job() -> None:
    decided = planned(replace(SETTLED, jobs=[a_job("iris-weekly-1")]))
    (create,) = of(Create, decided)
    assert create.kind is TRAINING_RUN
    metadata = create.body["metadata"]
    assert metadata["name"] == "iris-weekly-1"
    assert metadata["labels"] == {
        "team": "ml",
        "retrain.dev/schedule": "iris",
        "retrain.dev/trigger": "weekly",
    }
    assert metadata["annotations"]["retrain.dev/job-uid"] == "iris-weekly-1-uid"
    assert "due at 2026-11-26T11:59:00+09:00" in metadata["annotations"]["retrain.dev/triggered-by"]
    assert create.body["spec"] == RUN_SPEC


def test_the_job_is_marked_with_its_run_which_owns_it_beside_the_clock() -> None:
    job, run = a_job("iris-weekly-1"), a_run("iris-weekly-1")
    (patch,) = of(Patch, planned(replace(SETTLED, jobs=[job], runs=[run])))
    metadata = patch.body["metadata"]
    assert metadata["annotations"] == {"retrain.dev/recorded": "iris-weekly-1-run"}
    assert [owner["kind"] for owner in metadata["ownerReferences"]] == ["CronJob", "TrainingRun"]
    assert [owner["controller"] for owner in metadata["ownerReferences"]] == [True, False]


def test_the_job_of_a_record_that_was_deleted_goes_too() -> None:
    job = a_job("iris-weekly-1", recorded="deleted-run")
    seen = replace(SETTLED, jobs=[job], gone=frozenset({"deleted-run"}))
    assert planned(seen).actions == (Delete(JOB, job),)
    assert planned(replace(seen, gone=frozenset())).actions == ()


@pytest.mark.parametrize(
    "said",
    [
        *("", "{", "[]", "[" * 100000, '{"spec": 1}', '{"spec": {"no": 1}}'),
        '{"metadata": [], "spec": {}}',
        json.dumps({"spec": {"source": {"git": {"url": "https://evil.example.com/x.git"}}}}),
    ],
    ids=lambda said: said[:20],
)
def test_a_job_with_a_template_that_its_clock_never_had_is_no_record_of_any_spec(
    said: str,
) -> None:
    """Whoever may make Jobs could make TrainingRuns by them."""
    job = a_job("iris-weekly-1")
    job["metadata"]["annotations"][names.RUN_TEMPLATE_ANNOTATION] = said
    assert planned(replace(SETTLED, jobs=[job])).actions == ()


def test_a_job_is_recorded_by_the_template_that_its_clock_had_when_it_was_made() -> None:
    newer = a_schedule(runTemplate={"spec": {**RUN_SPEC, "retries": 5}})
    (apply,) = of(Apply, planned(replace(SETTLED, schedule=newer)))
    clock = {**apply.body, "metadata": {**apply.body["metadata"], "uid": "iris-weekly-uid"}}
    seen = replace(SETTLED, schedule=newer, cron_jobs=[clock], jobs=[a_job("iris-weekly-1")])
    (create,) = of(Create, planned(seen))
    assert create.body["spec"] == RUN_SPEC


def test_a_clock_keeps_the_digests_of_a_bounded_number_of_its_templates() -> None:
    seen = SETTLED
    for retries in range(60):
        schedule = a_schedule(runTemplate={"spec": {**RUN_SPEC, "retries": retries % 10 + 1}})
        (apply,) = of(Apply, planned(replace(seen, schedule=schedule)))
        seen = replace(
            seen, cron_jobs=[{**apply.body, "metadata": {**apply.body["metadata"], "uid": "u"}}]
        )
    told = objects.annotations(seen.cron_jobs[0])[TEMPLATES_ANNOTATION].split()
    assert len(told) == len({*told}) == 11


def test_a_job_is_recorded_whatever_its_labels_say() -> None:
    job = a_job("iris-weekly-1")
    job["metadata"]["labels"] = {}
    (create,) = of(Create, planned(replace(SETTLED, jobs=[job])))
    assert create.body["metadata"]["labels"]["retrain.dev/trigger"] == "weekly"


def test_a_run_of_another_name_that_claims_the_job_is_no_record_of_it() -> None:
    claims = a_run("iris-weekly-1")
    claims["metadata"]["name"] = "claims"
    seen = replace(SETTLED, jobs=[a_job("iris-weekly-1")], runs=[claims])
    assert of(Patch, planned(seen)) == []
    assert [objects.name(create.body) for create in of(Create, planned(seen))] == ["iris-weekly-1"]


def test_a_run_that_only_says_it_is_a_record_changes_nothing() -> None:
    """It neither cancels nor pushes out another, nor is it told of."""
    real, claims = a_run("iris-1", age=3), a_run("iris-2", age=2)
    del claims["status"]["jobUID"]
    for policy in ("Replace", "Forbid"):
        schedule = a_schedule(
            concurrencyPolicy=policy, successfulRunsHistoryLimit=0, failedRunsHistoryLimit=0
        )
        decided = planned(with_clocks(Seen(schedule, runs=[real, claims])))
        assert decided.actions == ()
        assert decided.status is not None
        assert decided.status["lastRun"] == {"name": "iris-1"}


# History and concurrency.


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from(["Trained", "UpToDate", "StageFailed", None]), max_size=12),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_what_stays_is_what_is_active_and_the_newest_of_each_outcome(
    reasons: list[str | None], well: int, badly: int
) -> None:
    runs = [
        a_run(f"iris-{number}", reason, age=1000 - number) for number, reason in enumerate(reasons)
    ]
    schedule = a_schedule(successfulRunsHistoryLimit=well, failedRunsHistoryLimit=badly)
    seen = with_clocks(Seen(schedule, runs=runs))
    gone = {objects.name(delete.item) for delete in of(Delete, planned(seen))}
    kept = [run for run in runs if objects.name(run) not in gone]
    ends = [
        run["status"]["conditions"][0]["status"]
        for run in kept
        if "completionTime" in run.get("status", {})
    ]
    assert ends.count("True") == min(well, sum(r in ("Trained", "UpToDate") for r in reasons))
    assert ends.count("False") == min(badly, reasons.count("StageFailed"))
    assert len(kept) - len(ends) == reasons.count(None)
    oldest_kept = min(
        (
            number
            for number, run in enumerate(runs)
            if run in kept and reasons[number] == "StageFailed"
        ),
        default=0,
    )
    assert all(
        number < oldest_kept
        for number, run in enumerate(runs)
        if reasons[number] == "StageFailed" and run not in kept and badly
    )


def test_under_replace_each_newer_tick_cancels_the_older_ones() -> None:
    runs = [a_run("iris-1", age=3), a_run("iris-2", age=2), a_run("iris-3", age=1)]
    seen = with_clocks(Seen(a_schedule(concurrencyPolicy="Replace"), runs=runs))
    patched = [(objects.name(p.item), p.body) for p in of(Patch, planned(seen))]
    cancel = {"spec": {"cancel": True}}
    assert patched == [("iris-1", cancel), ("iris-2", cancel)]
    assert of(Patch, planned(with_clocks(Seen(a_schedule(), runs=runs)))) == []


# Status.


def test_the_status_answers_at_a_glance() -> None:
    model = {"name": "iris", "version": "7", "promoted": False, "previousVersion": "5"}
    runs = [
        a_run("iris-1", "Trained", age=300, model=model),
        a_run("iris-2", "StageFailed", age=200),
        a_run("iris-3"),
    ]
    clock = copy.deepcopy(SETTLED.cron_jobs[0])
    clock["status"] = {"lastScheduleTime": "2026-11-26T11:00:00Z"}
    status = planned(replace(SETTLED, cron_jobs=[clock], runs=runs)).status
    assert status is not None
    assert status["active"] == ["iris-3"]
    assert status["lastRun"] == {"name": "iris-3"}
    assert status["lastSuccessfulRun"] == {
        "name": "iris-1",
        "reason": "Trained",
        "completionTime": ago(300),
    }
    assert status["championVersion"] == "5"
    assert status["lastScheduleTime"] == "2026-11-26T11:00:00Z"
    assert status["triggers"] == [
        {"name": "weekly", "type": "Cron", "lastFired": "2026-11-26T11:00:00Z"}
    ]


def test_what_was_told_of_runs_that_are_gone_is_still_told() -> None:
    ended = {"name": "old", "reason": "Trained", "completionTime": ago(9)}
    before = {"lastRun": ended, "championVersion": "3"}
    schedule = {**a_schedule(), "status": before}
    status = planned(with_clocks(Seen(schedule))).status
    assert status is not None
    assert {key: status[key] for key in before} == before


def test_a_run_that_its_limit_has_taken_away_is_still_the_last_one() -> None:
    older = a_run("iris-1", "Trained", age=900, model={"version": "1", "promoted": True})
    told = {
        "name": "iris-2",
        "reason": "StageFailed",
        "startTime": ago(60),
        "completionTime": ago(30),
    }
    schedule = {**a_schedule(failedRunsHistoryLimit=0), "status": {"lastRun": told}}
    status = planned(with_clocks(Seen(schedule, runs=[older]))).status
    assert status is not None
    assert status["lastRun"] == told
    newer = a_run("iris-3", age=1)
    newer["metadata"]["creationTimestamp"] = ago(1)
    status = planned(with_clocks(Seen(schedule, runs=[older, newer]))).status
    assert status is not None
    assert status["lastRun"] == {"name": "iris-3"}


def test_an_older_success_takes_no_place_back() -> None:
    told = {"name": "iris-2", "reason": "Trained", "completionTime": ago(30)}
    before = {"lastSuccessfulRun": told, "championVersion": "2"}
    older = a_run("iris-1", "Trained", age=900, model={"version": "1", "promoted": True})
    schedule = {**a_schedule(), "status": before}
    status = planned(with_clocks(Seen(schedule, runs=[older]))).status
    assert status is not None
    assert {key: status[key] for key in before} == before


def test_a_trigger_that_no_check_has_looked_at_says_so() -> None:
    release = {"name": "release", "release": {"tagPattern": "v*"}}
    status = planned(Seen(a_schedule(release))).status
    assert status is not None
    assert status["triggers"][0]["message"] == "no check has ended yet."


def test_what_the_api_server_says_against_a_clock_is_told_and_tried_again() -> None:
    decided = planned(Seen(a_schedule(), refusals={(CRON_JOB, "iris-weekly"): "end of range (61)"}))
    told = condition(decided.status, "Ready")
    assert (told["reason"], told["message"]) == (
        "CronJobRefused",
        "iris-weekly: end of range (61).",
    )
    assert decided.again == timedelta(seconds=60)
