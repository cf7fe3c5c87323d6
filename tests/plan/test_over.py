"""Rules for runs that are over: deleted, finished, with an outcome, cancelled, without a Job."""

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
    a_pod,
    a_run,
    complete,
    condition,
    deleted,
    finished,
    not_owned,
    of_another,
    writes,
)
from retrain_core.outcome import Activity, Reason
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
