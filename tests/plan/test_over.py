"""Rules for runs that are over: deleted, finished, with an outcome, cancelled, without a Job."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from plan.builders import (
    BOUND,
    NOTHING,
    SETTINGS,
    World,
    a_job,
    a_mark,
    a_pod,
    a_run,
    ago,
    complete,
    condition,
    deleted,
    finished,
    not_owned,
    of_another,
    writes,
)
from plan.schema import check_status
from retrain_core.names import ENDED_ANNOTATION, JOB_UID_ANNOTATION
from retrain_core.outcome import OUTCOMES, Activity, Reason
from retrain_operator.kube.objects import Object
from retrain_operator.plan.types import Plan

# A run that is being deleted.


@pytest.mark.parametrize(
    "world",
    [
        World(a_run()),
        World(a_run(cancel=True), a_job()),
        World(a_run(finished(), ttlSecondsAfterFinished=0), a_job()),
        World(a_run(BOUND)),
        World(a_run(), not_owned(a_job())),
    ],
    ids=["new", "cancelled", "past its TTL", "its Job lost", "its name taken"],
)
def test_a_run_that_is_being_deleted_is_left_to_garbage_collection(world: World) -> None:
    assert replace(world, run=deleted(world.run)).plan() == NOTHING


# A finished run.


def test_the_job_of_a_finished_run_gets_the_operator_s_ttl() -> None:
    decided = World(a_run(finished()), a_job(None, complete())).plan()
    assert decided == Plan(patch_job={"spec": {"ttlSecondsAfterFinished": 3600}})


def test_a_ttl_that_the_job_has_stays() -> None:
    job = a_job(None, complete(), ttlSecondsAfterFinished=5)
    assert World(a_run(finished()), job).plan() == NOTHING


def test_what_still_runs_of_a_finished_run_is_deleted() -> None:
    assert World(a_run(finished()), a_job()).plan() == Plan(delete_job=True)


@pytest.mark.parametrize(
    "job",
    [None, deleted(a_job()), of_another(a_job()), not_owned(a_job())],
    ids=["gone", "being deleted", "of another run", "nobody's"],
)
def test_a_finished_run_has_nothing_to_do_with_a_job_that_is(job: Object | None) -> None:
    assert World(a_run(finished()), job).plan() == NOTHING


@pytest.mark.parametrize("ttl", [0, 10])
def test_a_finished_run_is_deleted_when_its_ttl_is_over(ttl: int) -> None:
    run = a_run(finished(), ttlSecondsAfterFinished=ttl)
    assert World(run, a_job(None, complete())).plan() == Plan(delete_run=True)


def test_the_operator_s_default_deletes_a_finished_run_that_names_no_ttl() -> None:
    by_default = replace(SETTINGS, defaults={**SETTINGS.defaults, "ttlSecondsAfterFinished": 0})
    assert World(a_run(finished()), settings=by_default).plan() == Plan(delete_run=True)
    own = a_run(finished(), ttlSecondsAfterFinished=3600)
    assert not World(own, settings=by_default).plan().delete_run


def test_a_finished_run_is_looked_at_when_its_ttl_will_be_over() -> None:
    run = a_run(finished(), ttlSecondsAfterFinished=15)
    decided = World(run, a_job(None, complete(), ttlSecondsAfterFinished=5)).plan()
    assert decided == Plan(again=timedelta(seconds=5))


@pytest.mark.parametrize("spec", [{"cancel": True}, {"suspend": True}, {"retries": -1}])
def test_nothing_is_done_about_a_spec_once_the_run_is_finished(spec: Any) -> None:
    assert World(a_run(finished(), **spec)).plan() == NOTHING


def test_a_finished_run_of_a_newer_generation_only_says_so() -> None:
    status = finished(attempts=1)
    decided = World(a_run(status, generation=2, cancel=True)).plan()
    assert decided == Plan(status={**status, "observedGeneration": 2})


# The mark that a run has ended, and runs without a status that carry one.


def marked(said: str, **spec: Any) -> Object:
    """A run as a backup has it."""
    run = a_run(**spec)
    run["metadata"]["annotations"][ENDED_ANNOTATION] = said
    return run


def test_a_run_that_has_ended_is_marked_with_its_name_reason_and_time() -> None:
    run = a_run(finished())
    said = run["metadata"]["annotations"].pop(ENDED_ANNOTATION)
    decided = World(run, a_job(None, complete(), ttlSecondsAfterFinished=5)).plan()
    assert decided == Plan(patch_run={"metadata": {"annotations": {ENDED_ANNOTATION: said}}})
    assert json.loads(said) == {"name": "iris", "reason": "Trained", "time": ago(10)}


def test_a_copy_of_another_run_that_ended_gets_its_own_mark() -> None:
    run = a_run(finished())
    run["metadata"]["annotations"][ENDED_ANNOTATION] = a_mark(name="other")
    assert World(run).plan().patch_run is not None


@pytest.mark.parametrize("reason", [*Reason])
@pytest.mark.parametrize("spec", [{}, {"cancel": True}, {"suspend": True}], ids=str)
def test_a_restored_run_that_had_ended_trains_nothing_and_keeps_its_reason(
    reason: Reason, spec: Any
) -> None:
    decided = World(marked(a_mark(reason), **spec)).plan()
    told = condition(decided.status)
    assert writes(decided) == set()
    assert (told["reason"], told["status"]) == (reason, str(OUTCOMES[reason].succeeded))
    assert f"it ended as {reason} at {ago(10)}" in told["message"]
    assert "create it without that annotation or under another name" in told["message"]
    assert decided.status is not None
    assert decided.status["completionTime"] == ago(10)
    check_status(decided.status)


def test_the_record_of_a_clock_s_job_and_a_run_whose_name_is_taken_are_restored_alike() -> None:
    record = marked(a_mark("StageFailed"))
    record["metadata"]["annotations"][JOB_UID_ANNOTATION] = "job-of-the-clock"
    for world in (
        World(record),
        World(record, not_owned(a_job())),
        World(record, of_another(a_job())),
    ):
        decided = world.plan()
        assert condition(decided.status)["reason"] == Reason.STAGE_FAILED
        assert writes(decided) == set()


def test_a_copy_under_another_name_is_a_run_of_its_own() -> None:
    assert World(marked(a_mark(name="another"))).plan().create_job is not None


@pytest.mark.parametrize(
    "said",
    [
        *("", "yes", "[]", '{"name": "iris"}', a_mark("AReasonOfANewerVersion")),
        *("[" * 100_000, a_mark().replace("2026", "99999")),
    ],
    ids=lambda said: said[:40],
)
def test_a_mark_that_cannot_be_read_trains_nothing_and_says_how_to_train(said: str) -> None:
    decided = World(marked(said)).plan()
    told = condition(decided.status)
    assert (writes(decided), told["reason"]) == (set(), Reason.INVALID_SPEC)
    assert "annotation retrain.dev/ended cannot be read" in told["message"]
    assert "create it without that annotation" in told["message"]


def test_a_mark_of_the_future_ends_now() -> None:
    said = json.dumps({"name": "iris", "reason": "Trained", "time": "9999-12-31T23:59:59-23:59"})
    status = World(marked(said)).plan().status
    assert status is not None
    assert status["completionTime"] == ago(0)


@pytest.mark.parametrize(
    "world",
    [World(marked(a_mark()), a_job(), [a_pod("train runs")]), World(marked(a_mark()), a_job())],
    ids=["its Job is there, and nothing of it was told yet", "its Job has no pod yet"],
)
def test_a_mark_that_somebody_sets_ends_no_run_that_has_begun(world: World) -> None:
    assert condition(world.plan().status)["status"] == "Unknown"


def test_only_a_job_that_stays_long_enough_has_its_ttl_from_the_start() -> None:
    for seconds, ttl in ((86400, 86400), (3600, None)):
        created = World(a_run(), settings=replace(SETTINGS, job_ttl_seconds=seconds)).plan()
        assert created.create_job is not None
        assert created.create_job["spec"].get("ttlSecondsAfterFinished") == ttl


# A Job that has ended.


@pytest.mark.parametrize("spec", [{"cancel": True}, {"suspend": True}, {"queueName": "q"}])
def test_an_outcome_counts_though_the_run_was_cancelled_or_suspended_meanwhile(spec: Any) -> None:
    run = a_run(BOUND, **spec)
    decided = World(run, a_job(run, complete()), [a_pod("its end was well")]).plan()
    assert condition(decided.status)["reason"] == Reason.TRAINED
    assert decided.again == timedelta(0)
    assert writes(decided) == set()


# A cancelled run.


def test_a_cancelled_run_without_a_job_ends() -> None:
    for status in (None, BOUND):
        decided = World(a_run(status, cancel=True)).plan()
        told = condition(decided.status)
        assert (told["status"], told["reason"]) == ("False", Reason.CANCELLED)
        assert "cancelled by spec.cancel." in told["message"]
        assert writes(decided) == set()


@pytest.mark.parametrize(
    "state", ["no node takes it", "source runs", "train runs", "it was killed"]
)
def test_the_job_of_a_cancelled_run_is_deleted_in_every_state(state: str) -> None:
    run = a_run(cancel=True)
    decided = World(run, a_job(run), [a_pod(state)]).plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("Unknown", Activity.CANCELLING)
    assert writes(decided) == {"delete_job"}


def test_the_job_of_a_cancelled_run_is_deleted_once() -> None:
    run = a_run(BOUND, cancel=True)
    decided = World(run, deleted(a_job(run))).plan()
    assert condition(decided.status)["reason"] == Activity.CANCELLING
    assert writes(decided) == set()


@pytest.mark.parametrize(
    "run",
    [
        a_run(cancel=True, suspend=True),
        a_run(cancel=True, image=""),
        a_run(cancel=True, queueName="q"),
    ],
    ids=["suspended", "invalid", "queued"],
)
def test_a_cancelled_run_is_cancelled_whatever_else_it_is(run: Object) -> None:
    assert condition(World(run).plan().status)["reason"] == Reason.CANCELLED


# A run whose Job is gone.


@pytest.mark.parametrize("spec", [{}, {"suspend": True}, {"image": ""}, {"queueName": "q"}])
def test_a_job_that_was_deleted_by_hand_ends_the_run(spec: Any) -> None:
    decided = World(a_run(BOUND, **spec)).plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("False", Reason.JOB_LOST)
    assert told["message"].startswith("the run's Job is gone. Somebody deleted")
    assert writes(decided) == set()


def test_a_job_that_is_being_deleted_by_hand_is_waited_for() -> None:
    assert World(a_run(BOUND), deleted(a_job()), [a_pod("train runs")]).plan() == NOTHING


@pytest.mark.parametrize("spec", [{}, {"cancel": True}, {"suspend": True}])
def test_a_job_that_somebody_has_taken_from_the_run_is_left_alone(spec: Any) -> None:
    job = a_job()
    job["metadata"]["ownerReferences"] = []
    decided = World(a_run(BOUND, **spec), job, [a_pod("train runs")]).plan()
    assert (decided.patch_job, decided.delete_job, decided.create_job) == (None, False, None)
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("Unknown", "Pending")
    assert "is left alone until it ends" in told["message"]


# A Job that goes, on a node that is lost.


@pytest.mark.parametrize("spec", [{}, {"cancel": True}], ids=["deleted by hand", "cancelled"])
def test_a_pod_whose_node_cannot_say_that_it_went_is_told_though_its_job_goes(spec: Any) -> None:
    run = a_run(BOUND, **spec)
    world = World(run, deleted(a_job()), [a_pod("train runs", deleted=61)])
    told = condition(world.plan().status)
    assert told["reason"] == Reason.NODE_LOST
    assert "pod iris-1 should have ended, but node node-1 does not say so" in told["message"]


@pytest.mark.parametrize("spec", [{}, {"cancel": True}], ids=["deleted by hand", "cancelled"])
def test_a_job_that_goes_is_looked_at_again_when_its_pod_should_be_gone(spec: Any) -> None:
    run = a_run(BOUND, **spec)
    decided = World(run, deleted(a_job()), [a_pod("train runs", deleted=1)]).plan()
    assert decided.again == timedelta(seconds=60)
    told = decided.status and condition(decided.status)["reason"]
    assert told == (Activity.CANCELLING if spec else None)
