"""Whether the API server would take a status and keep all of it."""

import json
import re
from functools import lru_cache
from typing import Any

from jsonschema import Draft4Validator

from crds.files import at
from retrain_operator.kube.objects import Object

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
MAX_STATUS = 64 * 1024
"""Bytes; what is watched and stored for each run."""


def check_status(status: Object) -> None:
    """Raises ValidationError or AssertionError for what the API server refuses or drops."""
    text = json.dumps(status, allow_nan=False)
    _validator().validate(json.loads(text))
    assert len(text.encode()) <= MAX_STATUS
    types = [condition["type"] for condition in status["conditions"]]
    assert len(set(types)) == len(types)
    times = [status.get("startTime"), status.get("completionTime")]
    times += [condition["lastTransitionTime"] for condition in status["conditions"]]
    assert all(TIME.fullmatch(time) for time in times if time is not None)


@lru_cache
def _validator() -> Draft4Validator:
    return Draft4Validator(_closed(at("TrainingRun", ".status")))


def _closed(schema: Any) -> Any:
    """``schema`` without room for fields that the API server would drop."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "properties" in closed and closed.get("type") == "object":
        closed["additionalProperties"] = False
    return closed
