"""How an attempt, and how a Job, has ended."""

from dataclasses import dataclass

from retrain_core import names
from retrain_core.outcome import FINAL_EXIT_CODES, OUTCOMES, Reason, outcome_of_exit_code
from retrain_core.result import Result, parse
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object
from retrain_operator.plan.status import (
    container_result,
    cut_short,
    first_cut_short,
    terminated,
)
from retrain_operator.plan.types import Observed


@dataclass(frozen=True)
class Ending:
    reason: Reason
    message: str
    """Without a full stop or with one: ``sentence`` sees to it."""
    result: Result | None = None
    """The trainer's own report, where it can be trusted."""
    exit_code: int = 0
    """Of the container that failed; 0: none did."""

    @property
    def ends_the_job(self) -> bool:
        """Whether the Job's podFailurePolicy makes no further attempt."""
        return self.exit_code in FINAL_EXIT_CODES


def has_ended(job: Object) -> bool:
    """Whether ``job`` is over with all its pods: the Job's word, not the pods'."""
    return any(objects.condition(job, type_) for type_ in ("Complete", "Failed"))


def ending_of(seen: Observed) -> Ending:
    """How the Job, which has ended, ended."""
    job = seen.job
    assert job is not None
    if objects.condition(job, "Complete"):
        return _completed(seen)
    failed = objects.condition(job, "Failed")
    assert failed is not None
    detail = failed.get("message", "")
    if failed.get("reason") == "DeadlineExceeded":
        seconds = job["spec"].get("activeDeadlineSeconds")
        result = _last_result(seen)
        return Ending(Reason.DEADLINE_EXCEEDED, f"the run took longer than {seconds} s", result)
    for pod in reversed(seen.pods):
        if (ending := failure_of(pod)) is not None:
            return ending
    return Ending(
        Reason.CONTAINER_FAILED,
        f"the Job failed and its pods are gone: {failed['reason']}: {detail}",
    )


def failure_of(pod: Object) -> Ending | None:
    """Why the attempt of ``pod`` failed; None: it has not."""
    if disruption := disruption_of(pod):
        return Ending(Reason.EVICTED, disruption)
    for container in (names.SOURCE_CONTAINER, names.TRAIN_CONTAINER):
        ended = terminated(pod, container)
        if ended and ended.get("exitCode"):
            return _failed_container(pod, container, ended)
    status = pod.get("status") or {}
    if status.get("phase") != "Failed":
        return None
    detail = ": ".join(filter(None, (status.get("reason"), status.get("message"))))
    return Ending(Reason.CONTAINER_FAILED, f"pod {objects.name(pod)} failed: {detail or 'no word'}")


def disruption_of(pod: Object) -> str | None:
    """What took ``pod`` away from outside; None: nothing did."""
    found = objects.condition(pod, "DisruptionTarget")
    if found is not None:
        why = ": ".join(filter(None, (found.get("reason"), found.get("message"))))
        return f"pod {objects.name(pod)} was taken off its node: {why}"
    status = pod.get("status") or {}
    if status.get("reason") == "Evicted":
        return f"pod {objects.name(pod)} was evicted: {status.get('message', '')}"
    return None


def _completed(seen: Observed) -> Ending:
    for pod in reversed(seen.pods):
        result = container_result(pod, names.TRAIN_CONTAINER)
        if result and result.reason and OUTCOMES[result.reason].succeeded:
            return Ending(result.reason, result.message, result)
    url = (seen.status.get("mlflow") or {}).get("url")
    see = f": see its MLflow run, {url}" if url else ""
    detail = first_cut_short(seen.pods, names.TRAIN_CONTAINER) or f"what it reported is lost{see}"
    return Ending(Reason.RESULT_UNAVAILABLE, f"the training ended well, but {detail}")


def _last_result(seen: Observed) -> Result | None:
    pod = seen.newest_pod
    return container_result(pod, names.TRAIN_CONTAINER) if pod else None


def _failed_container(pod: Object, container: str, ended: Object) -> Ending:
    code = int(ended["exitCode"])
    result = parse(ended.get("message") or "")
    if ended.get("reason") == "OOMKilled":
        limit = _memory_limit(pod, container)
        message = f"container {container} reached its memory limit{f' of {limit}' if limit else ''}"
        return Ending(Reason.OUT_OF_MEMORY, message, result, code)
    message = f"container {container} ended with exit code {code}"
    outcome = outcome_of_exit_code(code)
    if outcome is None:
        why = ": ".join(filter(None, (message, ended.get("reason"), _tail(ended))))
        return Ending(Reason.CONTAINER_FAILED, why, exit_code=code)
    if result is not None and result.reason is outcome.reason:
        return Ending(outcome.reason, result.message, result, code)
    lost = cut_short(pod, container) or "no readable report"
    return Ending(outcome.reason, f"{message} and {lost}", exit_code=code)


def _tail(ended: Object) -> str:
    """The runtime's own words; a report of the trainer that does not fit its exit code is none."""
    text = ended.get("message") or ""
    return "" if parse(text) else str(text)[-1000:]


def _memory_limit(pod: Object, container: str) -> str | None:
    spec = pod.get("spec") or {}
    every = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    for found in every:
        if found["name"] == container:
            limit = ((found.get("resources") or {}).get("limits") or {}).get("memory")
            return str(limit) if limit else None
    return None
