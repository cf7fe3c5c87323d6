"""What keeps a pod from running, told in words that help."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from retrain_core import names
from retrain_core.outcome import Reason
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object
from retrain_operator.plan import volumes
from retrain_operator.plan.status import container_status, is_over, terminated
from retrain_operator.plan.types import Observed, PodProblem

POD_EXPECTED = timedelta(seconds=5)
"""A Job has a pod by then, or its events say why not."""
EVENTS_AGAIN = timedelta(seconds=15)
EVENTS_AGAIN_AT_LAST = timedelta(minutes=5)
"""Events are read, not watched: the less often the longer nothing has come of it."""
VOLUMES_EXPECTED = timedelta(seconds=20)
"""A pod has its volumes by then, or its events say why not."""
NODE_EXPECTED = timedelta(seconds=60)
"""A deleted pod is gone that long after its grace period, or nobody on its node listens."""


_PULL = {
    *("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"),
    *("ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"),
}
_CONFIG = {"CreateContainerConfigError"}
_CREATE = {"CreateContainerError", "RunContainerError", "CrashLoopBackOff"}


def pod_problem(seen: Observed, now: datetime) -> PodProblem | None:
    """What hinders the newest attempt; None: nothing that is known."""
    pod = seen.newest_pod
    if pod is None or is_over(pod):
        return _without_pod(seen, now)
    return (
        lost_with_its_node(seen, now)
        or _unscheduled(pod)
        or _waiting(pod)
        or _held_up(pod, seen.events)
    )


def to_be_put_right(seen: Observed, now: datetime) -> str | None:
    """What somebody has to put something right for: a text that is another one for another pod."""
    known = pod_problem(seen, now)
    pod = seen.newest_pod
    return (
        objects.uid(pod) if pod is not None and known is not None and known.needs_action else None
    )


def pulls_again(seen: Observed) -> bool:
    """Whether an image is being pulled right now: of a second pull only the events tell."""
    pod = seen.newest_pod
    if pod is None or not _pull_failed(pod) or not seen.events:
        return False
    return seen.events[-1].get("reason") == "Pulling"


def lost_with_its_node(seen: Observed, now: datetime) -> PodProblem | None:
    """That the node of the newest attempt says nothing any more; None: not that it is known."""
    pod = seen.newest_pod
    if pod is None or is_over(pod):
        return None
    node = (pod.get("spec") or {}).get("nodeName", "its node")
    # deletionTimestamp is when the grace period ends.
    due = objects.moment(pod["metadata"].get("deletionTimestamp"))
    if due is not None and now - due >= NODE_EXPECTED:
        text = f"pod {objects.name(pod)} should have ended, but node {node} does not say so"
    elif _marked_not_ready(pod):
        text = f"node {node}, on which pod {objects.name(pod)} runs, no longer reports"
    else:
        return None
    return PodProblem(Reason.NODE_LOST, text)


def subject_of_events(seen: Observed, now: datetime) -> Object | None:
    """The object whose events have to be read before ``pod_problem`` can answer."""
    pod = seen.newest_pod
    if pod is None or is_over(pod):
        return seen.job if _pod_is_due(seen, now) else None
    late = now - objects.created(pod) >= VOLUMES_EXPECTED
    return pod if (late and _is_creating(pod)) or _pull_failed(pod) else None


def next_look(seen: Observed, now: datetime) -> timedelta | None:
    """When ``pod_problem`` may answer differently though no object has changed."""
    pod = seen.newest_pod
    if pod is None or is_over(pod):
        since = _without_since(seen)
        if since is None:
            return None
        waited = now - since
        if waited < POD_EXPECTED:
            return POD_EXPECTED - waited
        return min(max(EVENTS_AGAIN, waited / 4), EVENTS_AGAIN_AT_LAST)
    if _is_creating(pod):
        return VOLUMES_EXPECTED
    if objects.being_deleted(pod):
        return NODE_EXPECTED
    return None


def has_started(pod: Object) -> bool:
    """Whether a container of ``pod`` has been running at all."""
    for container in (names.SOURCE_CONTAINER, names.TRAIN_CONTAINER):
        state = (container_status(pod, container) or {}).get("state") or {}
        if "running" in state or "terminated" in state:
            return True
    return False


def train_is_next(pod: Object) -> bool:
    """Whether `source` is done and `train` has not started: its image may be missing, say."""
    source = terminated(pod, names.SOURCE_CONTAINER)
    state = (container_status(pod, names.TRAIN_CONTAINER) or {}).get("state") or {}
    return source is not None and not source.get("exitCode") and "waiting" in state


def start_awaited(seen: Observed) -> str | None:
    """What spec.startTimeoutSeconds counts: a text that is another one when it begins anew.

    None: all has started that has to, or may not start yet.
    """
    pod = seen.newest_pod
    if pod is not None and train_is_next(pod):
        return objects.uid(pod)
    if seen.status.get("attempts", 0) > 1 or any(map(has_started, seen.pods)):
        return None
    since = began(seen)
    return f"{seen.job and objects.uid(seen.job)} {since}" if since else None


def began(seen: Observed) -> datetime | None:
    """Since when the Job may have a pod, by its controller's word; None: it may not (yet).

    A Job that was suspended has its condition, and an old start, until the controller looks.
    """
    if seen.job is None or seen.job_suspended or objects.condition(seen.job, "Suspended"):
        return None
    return objects.moment((seen.job.get("status") or {}).get("startTime"))


def _pod_is_due(seen: Observed, now: datetime) -> bool:
    since = _without_since(seen)
    return since is not None and now - since >= POD_EXPECTED


def _without_since(seen: Observed) -> datetime | None:
    """Since when the Job, which has no pod that runs, could have one."""
    since, pod = began(seen), seen.newest_pod
    return objects.created(pod) if since is not None and pod is not None else since


def _is_creating(pod: Object) -> bool:
    status = pod.get("status") or {}
    scheduled = objects.condition(pod, "PodScheduled") is not None
    return scheduled and status.get("phase") == "Pending" and not has_started(pod)


def _marked_not_ready(pod: Object) -> bool:
    """By the controller of nodes alone: the kubelet would say why, or that a container is not."""
    ready = objects.any_condition(pod, "Ready") or {}
    by_itself = ready.get("status") == "False" and not ready.get("reason")
    return by_itself and objects.condition(pod, "ContainersReady") is not None


def _without_pod(seen: Observed, now: datetime) -> PodProblem | None:
    """Why there is no (further) pod. After a failure the Job lets time pass: that is no trouble."""
    since = _without_since(seen)
    if since is None or now - since < POD_EXPECTED:
        return None
    refused = [
        event
        for event in seen.events
        if event.get("reason") == "FailedCreate" and _last_seen(event) >= since
    ]
    if not refused:
        return None
    text = str(refused[-1].get("message", ""))
    return PodProblem(reason_of_refusal(text), f"no pod can be created: {text}")


def reason_of_refusal(message: str) -> Reason:
    """Why the API server refused to create a Job or a pod, by its own words."""
    return Reason.QUOTA_EXCEEDED if "exceeded quota" in message else Reason.POD_REFUSED


def _last_seen(event: Object) -> datetime:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    found = next((time for time in times if time), None)
    return objects.moment(found) or objects.created(event)


def _unscheduled(pod: Object) -> PodProblem | None:
    found = objects.any_condition(pod, "PodScheduled")
    if found is None or found["status"] != "False" or found.get("reason") != "Unschedulable":
        return None
    text = str(found.get("message", ""))
    return volumes.unscheduled(text) or PodProblem(
        Reason.UNSCHEDULABLE, f"no node takes the pod: {text}"
    )


def _pull_failed(pod: Object) -> bool:
    known = _waiting(pod)
    return known is not None and known.reason is Reason.IMAGE_PULL_FAILED


def _waiting(pod: Object) -> PodProblem | None:
    for container in (names.SOURCE_CONTAINER, names.TRAIN_CONTAINER):
        status = container_status(pod, container) or {}
        waiting = (status.get("state") or {}).get("waiting") or {}
        why, text = waiting.get("reason"), waiting.get("message", "")
        if why in _PULL:
            image = status.get("image") or "its image"
            return PodProblem(
                Reason.IMAGE_PULL_FAILED,
                f"image {image} cannot be pulled: {why}: {text}",
                needs_action=True,
            )
        if why in _CONFIG:
            message = f"container {container} cannot be made: {text}"
            return PodProblem(Reason.CONFIG_MISSING, message, needs_action=True)
        if why in _CREATE:
            message = f"container {container} cannot be started: {why}: {text}"
            return PodProblem(Reason.CONTAINER_FAILED, message, needs_action=True)
    return None


def _held_up(pod: Object, events: Sequence[Object]) -> PodProblem | None:
    if not _is_creating(pod):
        return None
    last = events[-1] if events else {}
    text = str(last.get("message", ""))
    if last.get("reason") == "FailedCreatePodSandBox":
        return PodProblem(Reason.CONTAINER_FAILED, f"the pod waits: {text}")
    # What was missing for a moment, before the image was pulled, is not now.
    newest = list(takewhile(lambda event: event.get("reason") in volumes.EVENTS, reversed(events)))
    return volumes.not_mounted([str(event.get("message", "")) for event in newest])
