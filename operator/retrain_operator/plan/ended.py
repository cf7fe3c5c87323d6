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
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Object


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
    said = {
        "name": objects.name(run),
        "reason": succeeded.get("reason", ""),
        "time": status["completionTime"],
    }
    return {"metadata": {"annotations": {names.ENDED_ANNOTATION: json.dumps(said)}}}


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
    said = objects.annotations(run).get(names.ENDED_ANNOTATION)
    if said is None:
        return None
    try:
        found = _Mark.model_validate_json(said)
        if found.name != objects.name(run):
            return None
        return Ended(Reason(found.reason), found.time)
    except (ValidationError, ValueError) as error:
        raise ValueError(f"annotation {names.ENDED_ANNOTATION} cannot be read") from error
