"""The status of a TrainingRun: carried on, with what the Job and its pods add."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from retrain_core import names
from retrain_core.crd.status import RunTrigger
from retrain_core.outcome import OUTCOMES, Activity, Reason
from retrain_core.result import BUDGET, POD_BYTES, Result, parse
from retrain_core.status import timestamp
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object
from retrain_operator.plan.became import became_of_it
from retrain_operator.plan.ownership import owns
from retrain_operator.plan.types import Situation, Status

MAX_MESSAGE = 4096
_CARRIED = (
    "startTime",
    "attempts",
    "jobName",
    "jobUID",
    "podName",
    "trigger",
    "commit",
    "mlflow",
    "stages",
    "metrics",
    "dvc",
    "model",
)


def ongoing(situation: Situation, reason: Activity | Reason, message: str) -> Status:
    """The status of a run that has not ended; ``reason`` may name what hinders it."""
    detail = sentence(message)
    return _status(
        situation,
        [
            _condition(situation, "Succeeded", "Unknown", reason, detail),
            _condition(situation, "Reconciling", "True", reason, detail),
        ],
    )


def final(
    situation: Situation, reason: Reason, message: str, result: Result | None = None
) -> Status:
    """The status of a run that has ended; ``result`` is the trainer's, if there is one."""
    outcome = OUTCOMES[reason]
    own = result.remedy if result is not None and result.reason is reason else None
    remedy = own or outcome.remedy
    if result is not None:
        result = _of_training(situation, result)
    detail = sentence(message, MAX_MESSAGE - len(remedy) - 1)
    if not outcome.succeeded:
        detail = f"{detail} {remedy}".strip()
    conditions = [
        _condition(situation, "Succeeded", str(outcome.succeeded), reason, detail),
    ]
    if not outcome.succeeded:
        conditions.append(_condition(situation, "Stalled", "True", reason, detail))
    status = _status(situation, conditions)
    if result is not None and outcome.succeeded:
        conditions += [
            condition(situation.seen.run, situation.now, type_, held, word, sentence(why))
            for type_, held, word, why in became_of_it(status["trigger"], reason, message, result)
        ]
    status["completionTime"] = timestamp(situation.now)
    if result is not None:
        status |= _facts(situation, result)
    return status


def reason_of(status: Status) -> str | None:
    """The reason of the condition `Succeeded`."""
    found = objects.any_condition({"status": status}, "Succeeded")
    return str(found["reason"]) if found else None


def container_result(pod: Object, container: str) -> Result | None:
    """What a container of ``pod`` reported, if it has ended and can be read."""
    ended = terminated(pod, container)
    return parse(ended.get("message") or "") if ended else None


def first_cut_short(pods: Iterable[Object], container: str) -> str | None:
    """As ``cut_short``, of the first of ``pods`` whose report was."""
    return next((cut for pod in pods if (cut := cut_short(pod, container))), None)


def cut_short(pod: Object, container: str) -> str | None:
    """That the kubelet has cut what a container reported, as far as can be told; None: it fits."""
    status = pod.get("status") or {}
    every = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    part = POD_BYTES // max(len(every), 1)
    detail = (terminated(pod, container) or {}).get("message") or ""
    # What is cut within a character has less of it.
    if part >= BUDGET or len(detail.encode()) < part - 3:
        return None
    return (
        f"the report of pod {objects.name(pod)} was cut: of each of its {len(every)} containers the"
        f" kubelet keeps {part} bytes, and Retrain needs {BUDGET}; let fewer be injected"
    )


def terminated(pod: Object, container: str) -> Object | None:
    """How a container ended; None while it has not."""
    found = container_status(pod, container)
    state = (found or {}).get("state") or {}
    return state.get("terminated")


def is_over(pod: Object) -> bool:
    """Whether all containers of ``pod`` have ended for good."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def container_status(pod: Object, container: str) -> Object | None:
    status = pod.get("status") or {}
    both = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return next((found for found in both if found["name"] == container), None)


def _status(situation: Situation, conditions: list[Object]) -> Status:
    before = situation.seen.status
    status: Status = {key: before[key] for key in _CARRIED if key in before}
    status.setdefault("trigger", _trigger(situation.seen.run))
    status |= _of_job(situation)
    status["observedGeneration"] = generation(situation)
    status["conditions"] = conditions
    return status


def generation(situation: Situation) -> int:
    return objects.generation(situation.seen.run)


def _trigger(run: Object) -> Object:
    """What started ``run``, by the word of its annotation, which a user too may have written."""
    try:
        found = RunTrigger.model_validate_json(
            objects.annotations(run).get(names.TRIGGERED_BY_ANNOTATION, "")
        )
    except ValidationError:
        return {"type": "Manual"}
    return found.model_dump(by_alias=True, exclude_none=True)


def _of_job(situation: Situation) -> Status:
    seen = situation.seen
    job = seen.job
    if job is None or not owns(seen.run, job):
        return {}
    found: Status = {"jobName": objects.name(job), "jobUID": objects.uid(job)}
    started = (job.get("status") or {}).get("startTime")
    if started and "startTime" not in seen.status:
        found["startTime"] = started
    pod = seen.newest_pod
    if pod is not None:
        found |= _of_pod(situation, pod)
    return found


def _of_pod(situation: Situation, pod: Object) -> Status:
    before = situation.seen.status
    name, count = objects.name(pod), int(before.get("attempts", 0))
    if name != before.get("podName", name) and is_over(pod) and len(situation.seen.pods) <= count:
        # The latest pod is gone already; this one was counted before it.
        return {}
    attempts = count + (name != before.get("podName"))
    found: Status = {"podName": name, "attempts": max(attempts, len(situation.seen.pods))}
    # Reported while the run goes on, so that both can be looked at while it trains.
    source = container_result(pod, names.SOURCE_CONTAINER)
    if source is not None:
        facts = _facts(situation, source)
        found |= {key: facts[key] for key in ("commit", "mlflow") if key in facts}
    return found


def _of_training(situation: Situation, result: Result) -> Result:
    """What of ``result`` is for a training to say, which runs the user's code.

    `source` says what is trained and where it is recorded, the spec what the model is called.
    """
    model = result.model
    if model is not None and model.name != _model_name(situation):
        model = None
    elif model is not None and model.version is not None:
        model = model.model_copy(update={"uri": f"models:/{model.name}/{model.version}"})
    return result.model_copy(update={"commit": None, "mlflow": None, "model": model})


def _model_name(situation: Situation) -> str | None:
    if situation.problem:
        # A newer version of Retrain may refuse what goes on.
        return (situation.seen.run["spec"].get("model") or {}).get("name")
    model = situation.spec.model
    return model.name if model is not None else None


def _facts(situation: Situation, result: Result) -> Status:
    body: dict[str, Any] = result.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"reason", "message", "remedy"}
    )
    if "mlflow" in body:
        # User code may write the message: the address is ours, not the one it names.
        body["mlflow"].pop("url", None)
        body["mlflow"] |= _address(situation, body["mlflow"])
    return {key: value for key, value in body.items() if value not in ([], {})}


def _address(situation: Situation, ids: dict[str, str]) -> dict[str, str]:
    uri = None if situation.problem else situation.spec.mlflow.tracking_uri
    if not (uri and uri.startswith("http") and ids.keys() >= {"experimentID", "runID"}):
        return {}
    return {"url": f"{uri.rstrip('/')}/#/experiments/{ids['experimentID']}/runs/{ids['runID']}"}


def _condition(
    situation: Situation, type_: str, status: str, reason: Activity | Reason, message: str
) -> Object:
    return condition(situation.seen.run, situation.now, type_, status, str(reason), message)


def condition(
    item: Object, now: datetime, type_: str, status: str, reason: str, message: str
) -> Object:
    """A condition for the status of ``item``, whose last transition stays while ``status`` does."""
    before = objects.any_condition(item, type_)
    unchanged = before is not None and before["status"] == status
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": before["lastTransitionTime"]
        if before and unchanged
        else timestamp(now),
        "observedGeneration": objects.generation(item),
    }


def sentence(text: str, limit: int = MAX_MESSAGE) -> str:
    """``text`` on one line of at most ``limit`` characters, with a full stop; nothing of nothing.

    Kubernetes ends some of its messages with one, some without, some with a comma.
    """
    line = "".join(char if char.isprintable() else " " for char in text)
    line = line[: limit - 1].strip().rstrip(" .,:;")
    return line if line.endswith(("!", "?")) or not line else f"{line}."
