"""Rules for a Job that runs: suspension, memory, disruptions, the time to start; their order."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from plan.builders import (
    BOUND,
    NOW,
    SETTINGS,
    World,
    a_condition,
    a_job,
    a_pod,
    a_run,
    an_event,
    complete,
    condition,
    failed,
    writes,
)
from retrain_core.outcome import Activity, Reason
from retrain_operator.kube.objects import Object
from retrain_operator.plan.pod_problems import to_be_put_right
from retrain_operator.plan.rules import MAX_DISRUPTIONS
from retrain_operator.plan.types import Plan

# Suspension and queues.


def test_a_run_that_is_suspended_while_it_trains_is_stopped() -> None:
    run = a_run(suspend=True)
    decided = World(run, a_job(run), [a_pod("train runs")]).plan()
    assert decided.patch_job == {"spec": {"suspend": True}}
    told = condition(decided.status)
    assert (told["reason"], told["message"]) == (
        "Suspended",
        "spec.suspend is set: its pod is stopped.",
    )


def test_a_run_that_is_suspended_stays_so() -> None:
    run = a_run(suspend=True)
    decided = World(run, a_job(run, suspend=True)).plan()
    assert condition(decided.status)["reason"] == Activity.SUSPENDED
    assert writes(decided) == set()


def test_a_run_that_is_resumed_starts_again() -> None:
    decided = World(a_run(BOUND), a_job(suspend=True)).plan()
    assert decided == Plan(patch_job={"spec": {"suspend": False}}, again=timedelta(0))


@pytest.mark.parametrize("suspend", [False, True])
@pytest.mark.parametrize("from_defaults", [False, True])
def test_kueue_alone_starts_a_queued_run(from_defaults: bool, suspend: bool) -> None:
    queue: dict[str, Any] = {"queueName": "gpus"}
    settings = replace(SETTINGS, defaults=SETTINGS.defaults | queue) if from_defaults else SETTINGS
    run = a_run(suspend=suspend, **({} if from_defaults else queue))
    job = a_job(run, settings=settings)
    assert job["spec"]["suspend"] is True
    decided = World(run, job, settings=settings).plan()
    told = condition(decided.status)
    assert (told["reason"], told["message"]) == ("Queued", "waits for its turn in queue gpus.")
    assert writes(decided) == set()


def test_a_queued_run_that_kueue_has_started_goes_on() -> None:
    run = a_run(queueName="gpus")
    decided = World(run, a_job(run, suspend=False), [a_pod("train runs")]).plan()
    assert condition(decided.status)["reason"] == Activity.TRAINING


# Memory.


def test_after_a_pod_killed_for_its_memory_the_job_may_try_no_more() -> None:
    world = World(a_run(), a_job(), [a_pod("it was killed for its memory")])
    assert world.plan() == Plan(patch_job={"spec": {"backoffLimit": 0}})
    assert replace(world, job=a_job(backoffLimit=0)).plan() == Plan()


def test_a_job_that_ends_after_a_pod_killed_for_its_memory_is_told_by_it() -> None:
    pods = [a_pod("it was killed for its memory")]
    decided = World(a_run(), a_job(None, failed(), backoffLimit=0), pods).plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("False", Reason.OUT_OF_MEMORY)
    assert "container train reached its memory limit of 2Gi. Give the run" in told["message"]


# Disruptions.


@pytest.mark.parametrize("retries", [0, 3])
def test_a_run_that_is_always_in_somebody_s_way_ends(retries: int) -> None:
    run = a_run({**BOUND, "attempts": retries + MAX_DISRUPTIONS, "podName": "iris-1"})
    world = World(run, a_job(run, backoffLimit=retries), [a_pod("its node was drained")])
    assert condition(world.plan().status)["status"] == "Unknown"
    run["status"]["attempts"] += 1
    decided = world.plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("False", Reason.EVICTED)
    assert "pod iris-1 was taken off its node: EvictionByEvictionAPI" in told["message"]
    assert decided.again == timedelta(0)


def test_retries_are_no_disruptions() -> None:
    run = a_run({**BOUND, "attempts": 99, "podName": "iris-1"})
    told = condition(World(run, a_job(run), [a_pod("it was killed")]).plan().status)
    assert told["status"] == "Unknown"


# The time to start.


def test_a_pod_that_does_not_start_in_time_ends_the_run_with_the_reason_it_had() -> None:
    run = a_run(startTimeoutSeconds=60)
    decided = World(run, a_job(run, started=60), [a_pod("no node takes it")], awaited=60).plan()
    told = condition(decided.status)
    assert (told["status"], told["reason"]) == ("False", Reason.UNSCHEDULABLE)
    assert "the pod did not start within 60 s: no node takes the pod: 0/3" in told["message"]
    assert decided.again == timedelta(0)


@pytest.mark.parametrize("pods", [[], [a_pod("being made", age=10)]], ids=["no pod", "a pod"])
def test_a_pod_that_does_not_start_in_time_for_no_known_reason_ends_the_run(
    pods: list[Object],
) -> None:
    run = a_run(startTimeoutSeconds=60)
    told = condition(World(run, a_job(run, started=60), pods, awaited=60).plan().status)
    assert told["reason"] == Reason.START_DEADLINE_EXCEEDED
    assert "the pod did not start within 60 s. See why" in told["message"]


@pytest.mark.parametrize("skew", [-3600, 125, 3600])
def test_the_time_to_start_counts_by_the_operator_s_own_clock(skew: float) -> None:
    """Another machine says when the Job started."""
    run = a_run(startTimeoutSeconds=120)
    world = World(run, a_job(run, started=skew), awaited=5)
    assert condition(world.plan().status)["status"] == "Unknown"
    late = replace(world, awaited=120).plan()
    assert condition(late.status)["reason"] == Reason.START_DEADLINE_EXCEEDED


def test_a_pod_that_has_time_to_start_is_looked_at_when_it_has_none() -> None:
    run = a_run(startTimeoutSeconds=65)
    decided = World(run, a_job(run, started=60), [a_pod("no node takes it")], awaited=60).plan()
    assert condition(decided.status)["status"] == "Unknown"
    assert decided.again == timedelta(seconds=5)


@pytest.mark.parametrize(
    "pods",
    [
        [a_pod("source runs")],
        [a_pod("train runs")],
        [a_pod("it was killed")],
        [a_pod("it was killed", "iris-1", age=60), a_pod("no node takes it", "iris-2")],
    ],
    ids=["source runs", "train runs", "failed", "waits for the second attempt"],
)
def test_the_time_to_start_is_that_of_the_first_pod(pods: list[Object]) -> None:
    run = a_run(startTimeoutSeconds=1)
    assert condition(World(run, a_job(run), pods).plan().status)["status"] == "Unknown"


def test_the_time_to_start_is_over_though_the_first_pod_is_gone() -> None:
    run = a_run({**BOUND, "attempts": 2, "podName": "iris-2"}, startTimeoutSeconds=1)
    decided = World(run, a_job(run), [a_pod("no node takes it", "iris-2")]).plan()
    assert condition(decided.status)["status"] == "Unknown"


@pytest.mark.parametrize(
    "job",
    [
        a_job(started=None),
        a_job(None, a_condition("Suspended", "JobSuspended"), started=3600),
    ],
    ids=["new", "resumed"],
)
def test_the_time_to_start_begins_when_the_job_s_controller_says_so(job: Object) -> None:
    decided = World(a_run(startTimeoutSeconds=1), job).plan()
    assert condition(decided.status)["status"] == "Unknown"
    assert decided.again is None


@pytest.mark.parametrize(
    ("spec", "job"),
    [({"suspend": True}, {}), ({"queueName": "q"}, {"suspend": True})],
    ids=["suspended", "queued"],
)
def test_a_run_that_may_not_start_loses_no_time(spec: Any, job: Any) -> None:
    run = a_run(startTimeoutSeconds=1, **spec)
    decided = World(run, a_job(run, started=3600, **job)).plan()
    assert condition(decided.status)["reason"] in (Activity.SUSPENDED, Activity.QUEUED)


# Order of the rules from the end of a Job on: what would match several is decided by the first.


@pytest.mark.parametrize(("seconds", "ends"), [(60, True), (61, False)])
def test_the_time_to_start_counts_for_train_from_the_end_of_source(
    seconds: int, ends: bool
) -> None:
    """That ended 60 s ago; the Job began an hour ago."""
    run = a_run(startTimeoutSeconds=seconds)
    pod = a_pod("source is done and the image of train cannot be pulled", age=3600)
    decided = World(run, a_job(run, started=3600), [pod], awaited=60).plan()
    told = condition(decided.status)
    assert told["reason"] == Reason.IMAGE_PULL_FAILED
    assert told["status"] == ("False" if ends else "Unknown")
    assert decided.again == timedelta(seconds=0 if ends else 1)


def test_the_time_to_start_is_over_once_train_runs() -> None:
    run = a_run(startTimeoutSeconds=1)
    decided = World(run, a_job(run, started=3600), [a_pod("train runs", age=3600)]).plan()
    assert condition(decided.status)["reason"] == Activity.TRAINING


def test_an_ended_job_goes_before_a_deadline_that_is_over() -> None:
    run = a_run(startTimeoutSeconds=1)
    decided = World(run, a_job(run, failed()), [a_pod("source was out of reach")]).plan()
    assert condition(decided.status)["reason"] == Reason.SOURCE_UNREACHABLE


def test_suspension_goes_before_memory_disruptions_and_time() -> None:
    run = a_run({"attempts": 99, "podName": "iris-1"}, suspend=True, startTimeoutSeconds=1)
    for state in ("it was killed for its memory", "its node was drained", "no node takes it"):
        decided = World(run, a_job(run, suspend=True), [a_pod(state)]).plan()
        assert condition(decided.status)["reason"] == Activity.SUSPENDED


# What no waiting ends.

WAIT_FOR_ROOM = [
    "no node takes it",
    "its volume is on another node",
    "its claim is another pod's",
    "held back by a gate",
    "being made",
    "not looked at yet",
]
TO_PUT_RIGHT = [
    "its claim does not exist",
    "its claim is bound to no volume",
    "the pull of its image failed",
    "the pull of its image is put off",
    "its image has no valid name",
    "a Secret does not exist",
    "its container cannot be made",
    "source is done and the image of train cannot be pulled",
]


@pytest.mark.parametrize("state", TO_PUT_RIGHT)
def test_what_no_waiting_ends_ends_the_run_after_half_an_hour_with_its_reason(state: str) -> None:
    world = World(a_run(BOUND), a_job(), [a_pod(state, age=3600)], hindered=1799)
    decided = world.plan()
    told = condition(decided.status)
    assert told["status"] == "Unknown"
    assert decided.again == timedelta(seconds=1)
    ended = condition(replace(world, hindered=1800).plan().status)
    assert (ended["status"], ended["reason"]) == ("False", told["reason"])
    assert ended["message"].startswith("the pod could not start for 30 minutes: ")


def test_a_mount_that_is_missing_ends_the_run_after_half_an_hour() -> None:
    said = 'MountVolume.SetUp failed for volume "git" : secret "git" not found'
    pod, event = a_pod("being made", age=3600), an_event("FailedMount", said)
    world = World(a_run(BOUND), a_job(), [pod], [event], hindered=1800)
    told = condition(world.plan().status)
    assert (told["status"], told["reason"]) == ("False", Reason.CONFIG_MISSING)


def test_an_image_that_is_being_pulled_again_ends_no_run_until_that_fails_too() -> None:
    pulling = an_event("Pulling", 'Pulling image "trainer:1"')
    failed = an_event("Failed", "Error: ErrImagePull")
    pod = a_pod("the pull of its image is put off", age=3600)
    world = World(a_run(BOUND), a_job(), [pod], [failed, pulling], hindered=1800)
    decided = world.plan()
    assert condition(decided.status)["status"] == "Unknown"
    assert decided.again is not None
    assert timedelta(0) < decided.again <= timedelta(minutes=5)
    ended = replace(world, events=[pulling, failed]).plan()
    assert condition(ended.status)["reason"] == Reason.IMAGE_PULL_FAILED


@pytest.mark.parametrize("state", WAIT_FOR_ROOM)
def test_room_is_waited_for_without_end(state: str) -> None:
    pod = a_pod(state, age=10**6)
    world = World(a_run(BOUND), a_job(), [pod], hindered=10**6, awaited=10**6)
    assert condition(world.plan().status)["status"] == "Unknown"


def test_a_quota_is_waited_for_without_end() -> None:
    event = an_event("FailedCreate", "pods is forbidden: exceeded quota: gpus")
    world = World(a_run(BOUND), a_job(started=10**6), [], [event], hindered=10**6)
    told = condition(world.plan().status)
    assert (told["status"], told["reason"]) == ("Unknown", Reason.QUOTA_EXCEEDED)


@pytest.mark.parametrize(("seconds", "ends"), [(60, True), (7200, False)])
def test_the_time_to_start_may_be_longer_for_what_no_waiting_ends(seconds: int, ends: bool) -> None:
    run = a_run({**BOUND, "attempts": 2, "podName": "iris-2"}, startTimeoutSeconds=seconds)
    pod = a_pod("the pull of its image is put off", "iris-2")
    told = condition(World(run, a_job(run), [pod], hindered=1800).plan().status)
    assert told["status"] == ("False" if ends else "Unknown")


def test_what_has_to_be_put_right_counts_for_one_pod() -> None:
    pods = [a_pod("the pull of its image failed", name) for name in ("iris-1", "iris-2")]
    first, second = (World(a_run(), a_job(), [pod]).seen for pod in pods)
    back_off = World(a_run(), a_job(), [a_pod("the pull of its image is put off")]).seen
    assert to_be_put_right(first, NOW) == to_be_put_right(back_off, NOW)
    assert to_be_put_right(first, NOW) != to_be_put_right(second, NOW)


# The pace.


def test_what_a_starting_pod_goes_through_is_told_once_a_second() -> None:
    run = a_run(BOUND)
    now = World(run, a_job(run), [a_pod("train runs")], written=NOW - timedelta(seconds=0.4))
    assert now.plan() == Plan(again=timedelta(seconds=0.6))
    later = replace(now, written=NOW - timedelta(seconds=1)).plan()
    assert condition(later.status)["reason"] == Activity.TRAINING


def test_what_is_new_is_told_though_the_clock_was_set_back_since_the_last_time() -> None:
    run = a_run(BOUND)
    world = World(run, a_job(run), [a_pod("train runs")], written=NOW + timedelta(hours=1))
    assert condition(world.plan().status)["reason"] == Activity.TRAINING


@pytest.mark.parametrize("spec", [{"cancel": True}, {"suspend": True}], ids=str)
def test_an_end_and_a_wish_of_the_user_s_are_told_at_once(spec: Any) -> None:
    run = a_run(BOUND, **spec)
    assert World(run, a_job(run), [a_pod("train runs")], written=NOW).plan().status is not None
    run = a_run(BOUND)
    ended = World(run, a_job(run, complete()), [a_pod("its end was well")], written=NOW).plan()
    assert condition(ended.status)["reason"] == Reason.TRAINED
