"""Kinds, and what is read from objects of every kind."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retrain_core.spec.base import API_VERSION

Object = dict[str, Any]
"""A Kubernetes object as its JSON."""

LARGE_SPEC = "x-large-spec"
"""Field of an object as we keep it: how much memory its spec would take, where that is left out."""
MAX_SPEC = 512 * 1024
"""Bytes, about, that a spec may take in memory: one operator holds those of a whole cluster."""

Key = tuple[str, str]
"""Namespace and name of a TrainingRun; its Job has the same, its pods carry it as a label."""


@dataclass(frozen=True)
class Kind:
    """A kind and where the API serves it."""

    api_version: str
    plural: str
    name: str

    def path(self, namespace: str | None, name: str | None = None, sub: str | None = None) -> str:
        """The URL's path, without a leading slash."""
        root = "apis" if "/" in self.api_version else "api"
        scope = ["namespaces", namespace] if namespace else []
        parts = [root, self.api_version, *scope, self.plural, name, sub]
        return "/".join(part for part in parts if part)


TRAINING_RUN = Kind(API_VERSION, "trainingruns", "TrainingRun")
RETRAIN_SCHEDULE = Kind(API_VERSION, "retrainschedules", "RetrainSchedule")
CRON_JOB = Kind("batch/v1", "cronjobs", "CronJob")
JOB = Kind("batch/v1", "jobs", "Job")
POD = Kind("v1", "pods", "Pod")
CORE_EVENT = Kind("v1", "events", "Event")
EVENT = Kind("events.k8s.io/v1", "events", "Event")
LEASE = Kind("coordination.k8s.io/v1", "leases", "Lease")


def uid(item: Object) -> str:
    return str(item["metadata"]["uid"])


def name(item: Object) -> str:
    return str(item["metadata"]["name"])


def namespace(item: Object) -> str:
    return str(item["metadata"]["namespace"])


def place(item: Object) -> Key:
    """Namespace and name."""
    return namespace(item), name(item)


def generation(item: Object) -> int:
    return int(item["metadata"].get("generation", 1))


def version(item: Object) -> int:
    """The resource version, which Kubernetes promises to grow (KEP-5504)."""
    return int(item["metadata"].get("resourceVersion") or 0)


def labels(item: Object) -> dict[str, str]:
    return dict(item["metadata"].get("labels") or {})


def annotations(item: Object) -> dict[str, str]:
    return dict(item["metadata"].get("annotations") or {})


def controller(item: Object) -> Object | None:
    """The owner that manages ``item``."""
    owners = item["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def controlled_by(item: Object, owner: Object) -> bool:
    found = controller(item)
    return found is not None and found["uid"] == uid(owner)


def too_large(item: Object) -> str | None:
    """Why the spec of ``item`` was not kept; None: it was."""
    weight = item.get(LARGE_SPEC)
    if weight is None:
        return None
    return (
        f"spec: would take {weight // 1024} KiB in memory, and may take {MAX_SPEC // 1024}:"
        " keep long lists and texts in files of the repository"
    )


def being_deleted(item: Object) -> bool:
    return bool(item["metadata"].get("deletionTimestamp"))


def condition(item: Object, type_: str) -> Object | None:
    """The condition of this type, if it is True."""
    found = any_condition(item, type_)
    return found if found and found.get("status") == "True" else None


def any_condition(item: Object, type_: str) -> Object | None:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((found for found in conditions if found["type"] == type_), None)


def moment(text: str | None) -> datetime | None:
    """A time of the API; None where there is none."""
    return datetime.fromisoformat(text) if text else None


def created(item: Object) -> datetime:
    found = moment(item["metadata"].get("creationTimestamp"))
    assert found is not None
    return found
