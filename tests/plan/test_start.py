"""Rules for the time before there is a Job, and for what stands in its way."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from plan.builders import (
    BOUND,
    SETTINGS,
    World,
    a_job,
    a_pod,
    a_run,
    complete,
    condition,
    not_owned,
    of_another,
    writes,
)
from retrain_core.outcome import Activity, Reason
from retrain_operator.kube.objects import Object
from retrain_operator.plan.rules import plan
from retrain_operator.plan.types import Plan, Refusal

# A Job of the name that is not this run's.


@pytest.mark.parametrize(
    "job",
    [
        not_owned(a_job()),
        of_another(a_job(), kind="CronJob"),
        of_another(a_job(), name="other"),
        of_another(a_job(None, complete()), kind="CronJob"),
    ],
    ids=["nobody's", "a CronJob's", "a run's of another name", "one that ended"],
)
def test_a_job_that_is_not_ours_is_left_alone_and_the_run_ends(job: Object) -> None:
    decided = World(a_run(), job, [a_pod("train runs")]).plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("False", Reason.NAME_TAKEN)
    assert "a Job iris that is not this run's exists and is left alone. Delete" in told["message"]
    assert decided.status is not None
    assert {"jobUID", "podName", "commit"} & decided.status.keys() == set()
    assert writes(decided) == set()


def test_the_job_of_a_deleted_run_of_the_same_name_is_waited_for() -> None:
    decided = World(a_run(), of_another(a_job())).plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("Unknown", Activity.PENDING)
    assert told["message"] == "the Job of a deleted run of this name has to go first: iris."
    assert decided.again == timedelta(seconds=2)
    assert writes(decided) == set()


def test_a_run_whose_job_was_replaced_by_a_foreign_one_has_lost_its_own() -> None:
    decided = World(a_run(BOUND), not_owned(a_job(uid="another"))).plan()
    assert condition(decided.status)["reason"] == Reason.JOB_LOST
    assert writes(decided) == set()


# A run that cannot be run.


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"image": ""}, "spec.image: String should have at least 1 character."),
        ({"dvc": {"cache": {"claimName": "a", "sizeLimit": "1Gi"}}}, "spec.dvc.cache: takes one"),
        (
            {"pod": {"env": [{"name": "RETRAIN_JOB_UID", "value": "x"}]}},
            "spec.pod.env.0.name: names that start with RETRAIN_ are set by Retrain alone.",
        ),
        ({"mlflow": {"trackingURI": "sqlite:///x"}}, "spec.mlflow.trackingURI: sqlite:///x ends"),
        ({"source": {}}, "spec.source: needs exactly one of git and image."),
    ],
    ids=["field", "rule", "pod", "tracking", "source"],
)
@pytest.mark.parametrize("suspend", [False, True])
def test_a_spec_that_cannot_run_ends_before_there_is_a_job(
    spec: Any, words: str, suspend: bool
) -> None:
    decided = World(a_run(**{**spec, "suspend": suspend})).plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("False", Reason.INVALID_SPEC)
    assert words in told["message"]
    assert told["message"].endswith("Correct the named field of the manifest.")
    assert writes(decided) == set()


def test_without_a_tracking_server_nothing_can_be_recorded() -> None:
    decided = World(a_run(), settings=replace(SETTINGS, defaults={})).plan()
    assert (
        "spec.mlflow.trackingURI: is not set, and there is" in condition(decided.status)["message"]
    )


def test_a_credential_that_is_refused_is_not_repeated() -> None:
    run = a_run(mlflow={"trackingURI": "https://user:hunter2@mlflow"})
    assert "hunter2" not in str(World(run).plan().status)


def test_a_job_that_runs_goes_on_though_new_defaults_do_not_fit_the_run() -> None:
    world = World(a_run(BOUND), a_job(), [a_pod("train runs")])
    decided = replace(world, settings=replace(SETTINGS, defaults={})).plan()
    assert condition(decided.status)["reason"] == Activity.TRAINING


# A Job that the API server refuses.


@pytest.mark.parametrize(
    ("refusal", "status", "reason", "again"),
    [
        (
            Refusal(True, 'Job.batch "iris" is invalid: spec.template.spec: Invalid value'),
            "False",
            Reason.INVALID_SPEC,
            None,
        ),
        (
            Refusal(False, 'jobs.batch "iris" is forbidden: exceeded quota: jobs, requested: 1'),
            "Unknown",
            Reason.QUOTA_EXCEEDED,
            30,
        ),
        (
            Refusal(False, 'admission webhook "policy.example.com" denied the request: no team'),
            "Unknown",
            Reason.POD_REFUSED,
            30,
        ),
    ],
    ids=["invalid", "quota", "webhook"],
)
def test_a_refusal_of_the_job_is_told_and_tried_again_unless_it_is_for_good(
    refusal: Refusal, status: str, reason: Reason, again: int | None
) -> None:
    seen = replace(World(a_run()).seen, refusal=refusal)
    decided = plan(seen, SETTINGS, World(a_run()).now)
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == (status, reason)
    assert f"the Job is refused: {refusal.message}." in told["message"]
    assert decided.again == (None if again is None else timedelta(seconds=again))
    assert writes(decided) == set()


# A run that is not to start.


@pytest.mark.parametrize("queue", [{}, {"queueName": "q"}])
def test_a_suspended_run_has_no_job(queue: Any) -> None:
    decided = World(a_run(suspend=True, **queue)).plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("Unknown", Activity.SUSPENDED)
    assert told["message"] == "spec.suspend is set: nothing is started."
    assert writes(decided) == set()


# A run without a Job.


def test_a_new_run_gets_a_job_of_its_name_at_once() -> None:
    decided = World(a_run(release="v1.2")).plan()
    job = decided.create_job
    assert job is not None
    assert (job["metadata"]["namespace"], job["metadata"]["name"]) == ("ml", "iris")
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("run-uid", True)
    assert job["spec"]["template"]["metadata"]["annotations"]["retrain.dev/release"] == "v1.2"
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert decided == Plan(create_job=job, again=timedelta(0))


def test_nothing_of_the_run_s_labels_and_annotations_is_copied() -> None:
    assert "argo" not in str(World(a_run()).plan().create_job)
