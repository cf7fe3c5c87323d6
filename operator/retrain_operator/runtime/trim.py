"""What of each object the operator reads, and so keeps: there are many, and they are large.

Keys are those of the shapes, so that equal ones are one string in memory. No object is larger here
than ours have to be, whatever its tenant has written: a spec that is too large, or a text that is
not ours, is left out, and so is what is nested deeper than any field of ours.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from retrain_core import names
from retrain_core.build.cronjob import (
    CLOCK_FIELDS,
    HASH_ANNOTATION,
    OWNER_ANNOTATION,
    TEMPLATES_ANNOTATION,
)
from retrain_operator.kube.objects import (
    CRON_JOB,
    JOB,
    LARGE_SPEC,
    MAX_SPEC,
    POD,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Kind,
    Object,
)

LEVELS: Final = 30
"""Of what is kept whole."""
MAX_ANNOTATION: Final = 8 * 1024
"""Characters; of those that are ours none is longer."""
_MEMBER: Final = 64
"""Bytes that a member of a list or a map takes beside what it says, about."""
_WHOLE: Final = None
_Shape = Mapping[str, "_Shape"] | list["_Shape"] | None
"""Fields and what is kept of each; a list: of each item; None: everything."""

_OWNERS: Final[_Shape] = [{"kind": _WHOLE, "name": _WHOLE, "uid": _WHOLE, "controller": _WHOLE}]
_CONDITIONS: Final[_Shape] = [
    {"type": _WHOLE, "status": _WHOLE, "reason": _WHOLE, "message": _WHOLE}
]
_CONTAINERS: Final[_Shape] = [
    {"name": _WHOLE, "resources": {"limits": {"memory": _WHOLE}}},
]
_CONTAINER_STATUSES: Final[_Shape] = [{"name": _WHOLE, "image": _WHOLE, "state": _WHOLE}]


def _metadata(labels: tuple[str, ...], annotations: tuple[str, ...]) -> _Shape:
    plain = (
        *("name", "namespace", "uid", "resourceVersion", "generation"),
        *("creationTimestamp", "deletionTimestamp"),
    )
    return {
        **dict.fromkeys(plain, _WHOLE),
        "ownerReferences": _OWNERS,
        "labels": dict.fromkeys(labels, _WHOLE),
        "annotations": dict.fromkeys(annotations, _WHOLE),
    }


_STAYS: Final[_Shape] = dict.fromkeys(("suspend", "cancel", "ttlSecondsAfterFinished"), _WHOLE)
"""Of a run's spec, when there is nothing to start from it any more."""
_ENDED: Final[_Shape] = {
    **dict.fromkeys(("observedGeneration", "startTime", "completionTime", "jobUID"), _WHOLE),
    "conditions": [dict.fromkeys(("type", "status", "reason"), _WHOLE)],
    "trigger": {"name": _WHOLE},
    "model": dict.fromkeys(("version", "promoted", "previousVersion"), _WHOLE),
}
"""Of the status of a run that has ended: of these there are the most."""
_TOO_LARGE: Final[Mapping[Kind, _Shape]] = {
    TRAINING_RUN: _STAYS,
    RETRAIN_SCHEDULE: {
        "suspend": _WHOLE,
        "triggers": [{"name": _WHOLE, "cron": _WHOLE}],
        "runTemplate": {"spec": {}},
    },
}
"""Of a spec that is too large."""

_KEPT: Final[Mapping[Kind, _Shape]] = {
    TRAINING_RUN: {
        "apiVersion": _WHOLE,
        "kind": _WHOLE,
        "metadata": _metadata(
            (names.SCHEDULE_LABEL, names.TRIGGER_LABEL),
            (
                names.FIRING_ANNOTATION,
                names.RELEASE_ANNOTATION,
                names.JOB_UID_ANNOTATION,
                names.TRIGGERED_BY_ANNOTATION,
                names.ENDED_ANNOTATION,
            ),
        ),
        "spec": _WHOLE,
        "status": _WHOLE,
        LARGE_SPEC: _WHOLE,
    },
    RETRAIN_SCHEDULE: {
        "apiVersion": _WHOLE,
        "kind": _WHOLE,
        "metadata": _metadata((), ()),
        "spec": _WHOLE,
        "status": _WHOLE,
        LARGE_SPEC: _WHOLE,
    },
    CRON_JOB: {
        "metadata": _metadata(
            (
                *(names.SCHEDULE_LABEL, names.TRIGGER_LABEL),
                *(names.NAME_LABEL, names.MANAGED_BY_LABEL),
            ),
            (HASH_ANNOTATION, OWNER_ANNOTATION, TEMPLATES_ANNOTATION),
        ),
        "spec": dict.fromkeys(CLOCK_FIELDS, _WHOLE),
        "status": {"lastScheduleTime": _WHOLE},
    },
    JOB: {
        "metadata": _metadata(
            (names.SCHEDULE_LABEL, names.TRIGGER_LABEL), (names.RECORDED_ANNOTATION,)
        ),
        "spec": dict.fromkeys(
            ("suspend", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"), _WHOLE
        ),
        "status": {"startTime": _WHOLE, "conditions": _CONDITIONS},
    },
    POD: {
        "metadata": _metadata((names.JOB_LABEL,), ()),
        "spec": {
            "nodeName": _WHOLE,
            "initContainers": _CONTAINERS,
            "containers": _CONTAINERS,
        },
        "status": {
            **dict.fromkeys(("phase", "reason", "message"), _WHOLE),
            "conditions": _CONDITIONS,
            "initContainerStatuses": _CONTAINER_STATUSES,
            "containerStatuses": _CONTAINER_STATUSES,
        },
    },
}


def trimmed(kind: Kind, item: Object) -> Object:
    """A copy of ``item`` with what is read of its kind."""
    found: Object = _cut(item, _KEPT[kind])
    annotations = found["metadata"].get("annotations") or {}
    for name in [name for name, text in annotations.items() if len(text) > MAX_ANNOTATION]:
        del annotations[name]
    if kind is TRAINING_RUN and "completionTime" in (found.get("status") or {}):
        return {**found, **_cut(found, {"spec": _STAYS, "status": _ENDED})}
    if kind in _TOO_LARGE and (weight := _weight(found.get("spec"))) > MAX_SPEC:
        return {**found, "spec": _cut(found["spec"], _TOO_LARGE[kind]), LARGE_SPEC: weight}
    return found


def _weight(content: Any) -> int:
    """Bytes that ``content`` takes in memory, about."""
    text = json.dumps(content)
    return len(text) + _MEMBER * sum(map(text.count, "[{,"))


def _cut(value: Any, shape: _Shape) -> Any:
    if isinstance(shape, list):
        return [_cut(item, shape[0]) for item in value or ()]
    if isinstance(shape, Mapping):
        return {key: _cut(value[key], part) for key, part in shape.items() if key in (value or {})}
    return _shared(value)


def _shared(value: Any, levels: int = LEVELS) -> Any:
    """``value`` with its keys and words shared, and nothing deeper than so many levels."""
    if isinstance(value, dict | list) and levels == 0:
        return None
    if isinstance(value, dict):
        return {sys.intern(key): _shared(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_shared(item, levels - 1) for item in value]
    if isinstance(value, str) and len(value) < _MEMBER and value.isidentifier():
        return sys.intern(value)
    return value
