"""The status of a TrainingRun, made from the result of its containers."""

from datetime import UTC, datetime
from typing import Any

from retrain_core.outcome import OUTCOMES, Reason
from retrain_core.result import Result


def timestamp(moment: datetime) -> str:
    """``moment`` as Kubernetes writes times: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def finished_status(
    result: Result, *, started: datetime, ended: datetime, generation: int = 1
) -> dict[str, Any]:
    """The status of a run that ended with ``result``; ``result.reason`` must be set.

    ``completionTime`` is set on both outcomes, so that one `kubectl wait` ends either way.
    """
    reason = result.reason or Reason.INTERNAL_ERROR
    outcome = OUTCOMES[reason]
    condition = {
        "type": "Succeeded",
        "status": "True" if outcome.succeeded else "False",
        "reason": str(reason),
        "message": result.message,
        "lastTransitionTime": timestamp(ended),
        "observedGeneration": generation,
    }
    body = result.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"reason", "message", "remedy"}
    )
    return {
        "observedGeneration": generation,
        "conditions": [condition],
        "startTime": timestamp(started),
        "completionTime": timestamp(ended),
        **{key: value for key, value in body.items() if value not in ([], {})},
    }
