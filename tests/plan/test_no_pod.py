"""A Job without a pod that runs: when its events are read, and what they say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from plan.builders import (
    World,
    a_condition,
    a_job,
    a_pod,
    a_run,
    an_event,
    condition,
)
from retrain_core.outcome import Activity, Reason
from retrain_operator.kube.objects import Object
from retrain_operator.plan.pod_problems import subject_of_events

QUOTA = (
    'Error creating: pods "iris-x7k2p" is forbidden: exceeded quota: compute, requested:'
    " limits.memory=2Gi, used: limits.memory=7Gi, limited: limits.memory=8Gi"
)
POD_SECURITY = (
    'Error creating: pods "iris-x7k2p" is forbidden: violates PodSecurity "restricted:latest":'
    ' allowPrivilegeEscalation != false (container "train" must set ...)'
)
WEBHOOK = (
    'Error creating: admission webhook "policy.example.com" denied the request: images must come'
    " from registry.example.com."
)
ACCOUNT = (
    'Error creating: pods "iris-x7k2p" is forbidden: error looking up service account ml/trainer:'
    ' serviceaccount "trainer" not found'
)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (QUOTA, Reason.QUOTA_EXCEEDED),
        (POD_SECURITY, Reason.POD_REFUSED),
        (WEBHOOK, Reason.POD_REFUSED),
        (ACCOUNT, Reason.POD_REFUSED),
    ],
    ids=["quota", "PodSecurity", "webhook", "ServiceAccount"],
)
def test_why_no_pod_can_be_created_is_told_in_the_job_controller_s_words(
    message: str, reason: Reason
) -> None:
    world = World(a_run(), a_job(started=5), events=[an_event("FailedCreate", message)])
    told = condition(world.plan().status)
    assert (told["status"], told["reason"]) == ("Unknown", reason)
    assert told["message"] == f"no pod can be created: {message.rstrip('.')}."


def test_the_last_refusal_is_told() -> None:
    events = [an_event("FailedCreate", QUOTA, age=3), an_event("FailedCreate", WEBHOOK)]
    told = condition(World(a_run(), a_job(started=5), events=events).plan().status)
    assert told["reason"] == Reason.POD_REFUSED


def test_a_refusal_ends_the_run_that_may_not_wait_longer() -> None:
    run = a_run(startTimeoutSeconds=5)
    world = World(run, a_job(run, started=5), events=[an_event("FailedCreate", QUOTA)], awaited=5)
    told = condition(world.plan().status)
    assert (told["status"], told["reason"]) == ("False", Reason.QUOTA_EXCEEDED)
    assert "the pod did not start within 5 s: no pod can be created: Error" in told["message"]


def test_what_was_refused_before_the_last_pod_is_over() -> None:
    pods = [a_pod("it was killed", age=10)]
    events = [an_event("FailedCreate", QUOTA, age=11)]
    told = condition(World(a_run(), a_job(), pods, events).plan().status)
    assert "the last attempt ended" in told["message"]


def test_a_further_attempt_that_is_refused_is_told() -> None:
    pods = [a_pod("it was killed", age=10)]
    events = [an_event("FailedCreate", QUOTA, age=9)]
    told = condition(World(a_run(), a_job(), pods, events).plan().status)
    assert told["reason"] == Reason.QUOTA_EXCEEDED


@pytest.mark.parametrize(
    "times",
    [
        {"lastTimestamp": None, "series": {"lastObservedTime": "2026-11-26T11:59:58.000000Z"}},
        {"lastTimestamp": None, "eventTime": "2026-11-26T11:59:58.000000Z"},
        {"lastTimestamp": None},
    ],
    ids=["a series", "a single event of the new API", "without any time of its own"],
)
def test_the_time_of_an_event_is_read_in_each_of_its_forms(times: Object) -> None:
    event = {**an_event("FailedCreate", QUOTA, age=2), **times}
    told = condition(World(a_run(), a_job(started=5), events=[event]).plan().status)
    assert told["reason"] == Reason.QUOTA_EXCEEDED


def test_an_event_of_another_kind_is_no_refusal() -> None:
    events = [an_event("SuccessfulCreate", "Created pod: iris-x7k2p")]
    told = condition(World(a_run(), a_job(started=5), events=events).plan().status)
    assert (told["reason"], told["message"]) == ("Starting", "the pod is on its way.")


@pytest.mark.parametrize(
    ("job", "pods", "whose"),
    [
        (a_job(started=4), [], None),
        (a_job(started=5), [], "job"),
        (a_job(started=None), [], None),
        (a_job(suspend=True), [], None),
        (a_job(None, a_condition("Suspended")), [], None),
        (a_job(), [a_pod("it was killed", age=4)], None),
        (a_job(), [a_pod("it was killed", age=5)], "job"),
        (a_job(), [a_pod("being made", age=19)], None),
        (a_job(), [a_pod("being made", age=20)], "pod"),
        (a_job(), [a_pod("no node takes it", age=99)], None),
        (a_job(), [a_pod("source runs", age=99)], None),
        (a_job(), [a_pod("train runs", age=99)], None),
    ],
    ids=[
        "the Job has just started",
        "the Job has no pod though it should",
        "the Job's controller has not looked yet",
        "the Job is suspended",
        "the Job is no longer suspended, but its controller has not looked yet",
        "a pod has just failed",
        "there is no further pod though there should be",
        "the pod is being made",
        "the pod is being made for long",
        "the pod waits for a node",
        "source runs",
        "train runs",
    ],
)
def test_events_are_read_only_where_nothing_else_can_tell(
    job: Object, pods: list[Object], whose: str | None
) -> None:
    world = World(a_run(), job, pods)
    subject = subject_of_events(world.seen, world.now)
    assert subject == {"job": job, "pod": pods[0] if pods else None, None: None}[whose]


@pytest.mark.parametrize(
    ("waited", "again"),
    [(0, 5), (3, 2), (5, 15), (60, 15), (120, 30), (1200, 300), (86400, 300)],
)
def test_events_are_read_less_often_the_longer_nothing_comes_of_it(waited: int, again: int) -> None:
    assert World(a_run(), a_job(started=waited)).plan().again == timedelta(seconds=again)


def test_a_job_whose_controller_has_not_looked_yet_is_waited_for() -> None:
    decided = World(a_run(), a_job(started=None)).plan()
    assert condition(decided.status)["reason"] == Activity.STARTING
    assert decided.again is None


def test_a_pod_that_runs_is_not_asked_about_again() -> None:
    assert World(a_run(), a_job(), [a_pod("train runs", age=86400)]).plan().again is None


def test_a_refusal_is_forgotten_once_there_is_a_pod() -> None:
    world = World(a_run(), a_job(started=9), events=[an_event("FailedCreate", QUOTA)])
    refused = world.after(world.plan())
    told = condition(replace(refused, pods=[a_pod("train runs", age=1)]).plan().status)
    assert told["reason"] == Activity.TRAINING
