"""What the operator reports about an object: its status, and Events after it."""

import logging
from datetime import UTC, datetime

from retrain_operator.kube import objects
from retrain_operator.kube.client import FIELD_MANAGER, KubeClient
from retrain_operator.kube.errors import ApiError
from retrain_operator.kube.objects import EVENT, Kind, Object
from retrain_operator.plan.types import EventToSend, Status
from retrain_operator.runtime.health import Health

logger = logging.getLogger(__name__)
MAX_NOTE = 1024
"""Bytes that an Event's note may have."""


async def write_status(
    kind: Kind, item: Object, status: Status, client: KubeClient, health: Health
) -> Object:
    """Make ``status`` the status of ``item``; returns the object as it is then."""
    written = await client.apply_status(kind, item, status)
    health.wrote(objects.uid(item), objects.version(written))
    return written


async def send_event(kind: Kind, item: Object, event: EventToSend, client: KubeClient) -> None:
    """Send an Event about ``item``. Losing one is no harm: the status has it."""
    now = datetime.now(UTC)
    body = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {
            "generateName": f"{objects.name(item)[:50]}-",
            "namespace": objects.namespace(item),
        },
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": "Warning" if event.warning else "Normal",
        "reason": event.reason,
        "action": "Reconcile",
        "note": event.note.encode()[:MAX_NOTE].decode(errors="ignore"),
        "reportingController": f"retrain.dev/{FIELD_MANAGER}",
        "reportingInstance": FIELD_MANAGER,
        "regarding": {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "name": objects.name(item),
            "namespace": objects.namespace(item),
            "uid": objects.uid(item),
        },
    }
    try:
        await client.create(EVENT, objects.namespace(item), body)
    except ApiError as error:
        logger.warning("an event was lost: %s", error)
