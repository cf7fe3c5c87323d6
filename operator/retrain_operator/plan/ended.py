"""The mark in a run's metadata that it has ended, which outlives its status.

Backups, and manifests that are copied, leave out the status: without the mark they would train
again. It names its run, so that a copy under another name is a run of its own.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ValidationError

from retrain_core import names
from retrain_core.outcome import Reason
from retrain_core.status import timestamp
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object
from retrain_operator.plan.ownership import owns
from retrain_operator.plan.status import final
from retrain_operator.plan.types import Plan, Situation


@dataclass(frozen=True)
class Ended:
    reason: Reason
    time: datetime


class _Mark(BaseModel):
    name: str
    reason: str
    time: AwareDatetime


def mark(run: Object) -> Object:
    """What says in the metadata of ``run``, which has ended, how and when it did."""
    status = run["status"]
    succeeded = objects.any_condition(run, "Succeeded") or {}
    ended = {
        "name": objects.name(run),
        "reason": succeeded.get("reason", ""),
        "time": status["completionTime"],
    }
    return {"metadata": {"annotations": {names.ENDED_ANNOTATION: json.dumps(ended)}}}


def is_marked(run: Object) -> bool:
    """Whether ``run`` carries a mark that is its own, or that cannot be read."""
    try:
        return ended_before(run) is not None
    except ValueError:
        return True


def ended_before(run: Object) -> Ended | None:
    """How ``run`` has ended by its own mark; None: it carries none.

    Raises:
        ValueError: the mark cannot be read; in words for the status.
    """
    annotation = objects.annotations(run).get(names.ENDED_ANNOTATION)
    if annotation is None:
        return None
    try:
        found = _Mark.model_validate_json(annotation)
        if found.name != objects.name(run):
            return None
        return Ended(Reason(found.reason), found.time)
    except (ValidationError, ValueError) as error:
        raise ValueError(f"annotation {names.ENDED_ANNOTATION} cannot be read") from error


def restored(s: Situation) -> Plan | None:
    """A restored backup trains nothing again: of a run that began here the status would tell."""
    run, job = s.seen.run, s.seen.job
    if "jobUID" in s.seen.status or (job is not None and owns(run, job)):
        return None
    again = "to train, create it without that annotation or under another name"
    try:
        ended = ended_before(run)
    except ValueError as error:
        message = f"{error}, and it may say that the run has ended: {again}"
        return Plan(status=final(s, Reason.INVALID_SPEC, message))
    if ended is None:
        return None
    time = min(ended.time, s.now)
    message = (
        f"it ended as {ended.reason} at {timestamp(time)}, as annotation {names.ENDED_ANNOTATION}"
        " says. All else is lost with its status, as in a restored backup or a copied manifest,"
        f" and nothing is trained again: {again}"
    )
    return Plan(status={**final(s, ended.reason, message), "completionTime": timestamp(time)})
