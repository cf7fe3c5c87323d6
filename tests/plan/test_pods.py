"""What the status says while the Job goes on, by the state of its newest pod."""

from datetime import timedelta

import pytest

from plan.builders import World, a_job, a_pod, a_run, an_event, condition
from retrain_core.outcome import Activity, Reason

SAID = {
    "not looked at yet": (Activity.STARTING, "the pod is on its way."),
    "no node takes it": (Reason.UNSCHEDULABLE, "no node takes the pod: 0/3 nodes are available"),
    "its claim does not exist": (Reason.CONFIG_MISSING, '"dvc-cache" not found'),
    "its claim is bound to no volume": (
        Reason.VOLUME_UNAVAILABLE,
        "the pod waits: 0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims",
    ),
    "its volume is on another node": (
        Reason.VOLUME_UNAVAILABLE,
        "PersistentVolume's node affinity",
    ),
    "its claim is another pod's": (Reason.VOLUME_UNAVAILABLE, "already in-use by another pod"),
    "held back by a gate": (Activity.STARTING, "the pod is on its way."),
    "being made": (Activity.STARTING, "the pod is on its way."),
    "the pull of its image failed": (
        Reason.IMAGE_PULL_FAILED,
        (
            "image registry.example.com/no-such/trainer:1 cannot be pulled: ErrImagePull: failed to"
            " pull and unpack"
        ),
    ),
    "the pull of its image is put off": (
        Reason.IMAGE_PULL_FAILED,
        "image registry.example.com/no-such/trainer:1 cannot be pulled: ImagePullBackOff",
    ),
    "its image has no valid name": (
        Reason.IMAGE_PULL_FAILED,
        "image Trainer::1 cannot be pulled: InvalidImageName",
    ),
    "a Secret does not exist": (
        Reason.CONFIG_MISSING,
        'container source cannot be made: secret "mlflow-credentials" not found.',
    ),
    "its container cannot be made": (
        Reason.CONTAINER_FAILED,
        "container source cannot be started: CreateContainerError: container create failed",
    ),
    "source runs": (Activity.STARTING, "pod iris-1 fetches the source."),
    "train runs": (Activity.TRAINING, "pod iris-1 runs the pipeline."),
    "source survived a killed child": (Activity.TRAINING, "pod iris-1 runs the pipeline."),
    "its end was well": (Activity.TRAINING, "pod iris-1 runs the pipeline."),
    "its end was well and it said nothing": (Activity.TRAINING, "pod iris-1 runs the pipeline."),
    "its end was well and it said garbage": (Activity.TRAINING, "pod iris-1 runs the pipeline."),
    "it was killed": (
        Activity.STARTING,
        ("ContainerFailed: container train ended with exit code 137: Error. Trying again."),
    ),
    "its image has no python of ours": (
        Activity.STARTING,
        ("container train ended with exit code 128: StartError: failed to create containerd task"),
    ),
    "its node wanted the memory": (
        Activity.STARTING,
        (
            "the last attempt ended: Evicted: pod iris-1 was taken off its node:"
            " TerminationByKubelet:"
            " The node was low on resource: memory. Threshold quantity: 100Mi, available: 80Mi."
            " Trying again."
        ),
    ),
    "it wrote more than its cache may hold": (
        Activity.STARTING,
        (
            'Evicted: pod iris-1 was evicted: Usage of EmptyDir volume "cache" exceeds the limit'
            ' "1Gi". Trying again.'
        ),
    ),
    "its node does not answer": (
        Activity.STARTING,
        "Evicted: pod iris-1 was taken off its node: DeletionByTaintManager: Taint manager:",
    ),
    "a pod of higher priority took its place": (
        Activity.STARTING,
        "PreemptionByScheduler: default-scheduler: preempting to accommodate a higher priority",
    ),
    "its node was drained": (Activity.STARTING, "EvictionByEvictionAPI: Eviction API: evicting."),
    "its node was deleted": (Activity.STARTING, "DeletionByPodGC: PodGC: node no longer exists."),
    "its node had no room after all": (
        Activity.STARTING,
        "ContainerFailed: pod iris-1 failed: OutOfcpu: Pod was rejected: Node didn't have enough",
    ),
}


@pytest.mark.parametrize("state", SAID)
def test_a_pod_is_told_by_what_hinders_it_or_how_far_it_is(state: str) -> None:
    reason, words = SAID[state]
    decided = World(a_run(), a_job(), [a_pod(state)]).plan()
    for type_, status in (("Succeeded", "Unknown"), ("Reconciling", "True")):
        told = condition(decided.status, type_)
        assert (told["status"], told["reason"]) == (status, reason)
        assert words in told["message"]
        assert told["message"].endswith(".")
        assert ".." not in told["message"]
    assert (decided.create_job, decided.patch_job, decided.delete_job) == (None, None, False)


@pytest.mark.parametrize(
    "state",
    [
        "source was denied",
        "source was out of reach",
        "a stage failed",
        "a stage failed and its report is garbage",
        "a stage failed and its report claims success",
        "a stage was killed for its memory",
    ],
)
def test_a_pod_that_ends_the_job_is_told_when_the_job_has_ended(state: str) -> None:
    decided = World(a_run(), a_job(), [a_pod(state)]).plan()
    assert decided.status is None
    assert decided.again is None


def test_the_newest_pod_is_the_one_that_is_told() -> None:
    pods = [a_pod("it was killed", "iris-1", age=60), a_pod("train runs", "iris-2")]
    told = condition(World(a_run(), a_job(), pods).plan().status)
    assert (told["reason"], told["message"]) == ("Training", "pod iris-2 runs the pipeline.")


def test_a_pod_that_is_stuck_on_a_lost_node_is_told_with_the_node() -> None:
    pod = a_pod("its node does not answer", deleted=61)
    told = condition(World(a_run(), a_job(), [pod]).plan().status)
    assert told["reason"] == Reason.NODE_LOST
    assert "should have ended, but node node-1 does not say so" in told["message"]


def test_a_pod_that_tolerates_a_lost_node_is_told_with_the_node() -> None:
    pod = a_pod("its node is lost and it tolerates that")
    told = condition(World(a_run(), a_job(), [pod]).plan().status)
    assert told["reason"] == Reason.NODE_LOST
    assert "node node-1, on which pod iris-1 runs, no longer reports" in told["message"]
    ready = next(found for found in pod["status"]["conditions"] if found["type"] == "Ready")
    ready["reason"] = "ReadinessGatesNotReady"
    told = condition(World(a_run(), a_job(), [pod]).plan().status)
    assert told["reason"] == Activity.TRAINING


def test_a_pod_that_is_being_deleted_has_its_time_and_is_looked_at_again() -> None:
    decided = World(a_run(), a_job(), [a_pod("train runs", deleted=59)]).plan()
    assert condition(decided.status)["reason"] == Activity.TRAINING
    assert decided.again == timedelta(seconds=60)


NOT_MOUNTED = 'MountVolume.SetUp failed for volume "data" : configmap "settings" not found'


def test_a_volume_that_is_missing_is_told_from_the_pod_s_events() -> None:
    pod, event = a_pod("being made", age=21), an_event("FailedMount", NOT_MOUNTED)
    scheduled = an_event("Scheduled", "Successfully assigned ml/iris-1 to node-1")
    decided = World(a_run(), a_job(), [pod], [scheduled, event]).plan()
    told = condition(decided.status)
    assert (told["reason"], told["message"]) == ("ConfigMissing", f"the pod waits: {NOT_MOUNTED}.")
    assert decided.again == timedelta(seconds=20)


IN_USE = 'Multi-Attach error for volume "pvc-0a1b" Volume is already used by pod(s) iris-0-x7k2p'
STILL = (
    "Unable to attach or mount volumes: unmounted volumes=[cache], unattached volumes=[], failed to"
    " process volumes=[]: context deadline exceeded"
)


@pytest.mark.parametrize(
    ("events", "reason", "said"),
    [
        ([("FailedAttachVolume", IN_USE)], Reason.VOLUME_UNAVAILABLE, IN_USE),
        (
            [("FailedAttachVolume", IN_USE), ("FailedMount", STILL)],
            Reason.VOLUME_UNAVAILABLE,
            IN_USE,
        ),
        (
            [("FailedMount", NOT_MOUNTED), ("FailedMount", STILL)],
            Reason.CONFIG_MISSING,
            NOT_MOUNTED,
        ),
        ([("FailedMount", STILL)], Reason.VOLUME_UNAVAILABLE, STILL),
        (
            [("FailedMount", NOT_MOUNTED), ("FailedAttachVolume", IN_USE)],
            Reason.VOLUME_UNAVAILABLE,
            IN_USE,
        ),
    ],
    ids=[
        "in use",
        "in use, the kubelet waits",
        "missing, the kubelet waits",
        "unknown",
        "was missing, now in use",
    ],
)
def test_a_volume_that_another_node_has_is_told_as_that(
    events: list[tuple[str, str]], reason: Reason, said: str
) -> None:
    pod = a_pod("being made", age=3600)
    decided = World(a_run(), a_job(), [pod], [an_event(*event) for event in events]).plan()
    told = condition(decided.status)
    assert (told["reason"], told["message"]) == (reason, f"the pod waits: {said}.")


def test_a_pod_whose_sandbox_cannot_be_made_is_told_from_its_events() -> None:
    said = "Failed to create pod sandbox: plugin type=bridge failed: no addresses left"
    pod, event = a_pod("being made", age=21), an_event("FailedCreatePodSandBox", said)
    told = condition(World(a_run(), a_job(), [pod], [event]).plan().status)
    assert (told["reason"], told["message"]) == ("ContainerFailed", f"the pod waits: {said}.")


def test_a_volume_that_came_late_is_no_trouble_while_the_image_is_pulled() -> None:
    pod, event = a_pod("being made", age=21), an_event("FailedMount", NOT_MOUNTED, age=9)
    pulling = an_event("Pulling", 'Pulling image "trainer:1"')
    told = condition(World(a_run(), a_job(), [pod], [event, pulling]).plan().status)
    assert told["reason"] == Activity.STARTING


def test_events_say_nothing_about_a_pod_that_runs() -> None:
    event = an_event("FailedMount", NOT_MOUNTED)
    told = condition(World(a_run(), a_job(), [a_pod("train runs")], [event]).plan().status)
    assert told["reason"] == Activity.TRAINING
