"""What a plan says, done: the only module that writes to the API server."""

import logging
from datetime import UTC, datetime

from retrain_operator.kube import objects
from retrain_operator.kube.client import FIELD_MANAGER, KubeClient
from retrain_operator.kube.errors import AlreadyExists, ApiError, Refused
from retrain_operator.kube.objects import EVENT, JOB, TRAINING_RUN, Object
from retrain_operator.plan.status import reason_of
from retrain_operator.plan.types import Observed, Plan, Refusal, Status
from retrain_operator.runtime.health import Health
from retrain_operator.runtime.store import Store

logger = logging.getLogger(__name__)
MAX_NOTE = 1024
"""Bytes that an Event's note may have."""


async def apply(
    plan: Plan, seen: Observed, client: KubeClient, store: Store, health: Health
) -> Refusal | None:
    """Do what ``plan`` says about ``seen``: the Job, then the status, then an Event.

    Returns the API server's refusal of the Job, if there is one: it is for the plan to tell.
    """
    run = seen.run
    if plan.create_job is not None and (refusal := await _create(plan.create_job, client, store)):
        return refusal
    job = seen.job
    if job is not None and plan.patch_job is not None:
        # With its uid: another Job that has taken the name since is a Conflict.
        body = {"metadata": {"uid": objects.uid(job)}, **plan.patch_job}
        store.put(JOB, await client.patch(JOB, *_place(job), body))
    if job is not None and plan.delete_job:
        await client.delete(JOB, *_place(job), objects.uid(job))
    if plan.status is not None and plan.status != seen.status:
        await _write_status(run, plan.status, client, store, health)
    if plan.delete_run:
        await client.delete(TRAINING_RUN, *_place(run), objects.uid(run))
    return None


def _place(item: Object) -> tuple[str, str]:
    return objects.namespace(item), objects.name(item)


async def _create(body: Object, client: KubeClient, store: Store) -> Refusal | None:
    try:
        store.put(JOB, await client.create(JOB, body["metadata"]["namespace"], body))
    except AlreadyExists:
        # Ours from before a crash, or somebody's: the next look will tell.
        return None
    except Refused as error:
        # 403 is quota, 400 a webhook that names no code; a policy of the cluster's says 422.
        by_policy = "ValidatingAdmissionPolicy" in error.message
        return Refusal(error.status == 422 and not by_policy, error.message)
    return None


async def _write_status(
    run: Object, status: Status, client: KubeClient, store: Store, health: Health
) -> None:
    body = {
        "apiVersion": run["apiVersion"],
        "kind": run["kind"],
        # A Conflict if anybody has written since: then what was planned may be out of date.
        "metadata": {
            "name": objects.name(run),
            "uid": objects.uid(run),
            "resourceVersion": run["metadata"]["resourceVersion"],
        },
        "status": status,
    }
    written = await client.apply_status(TRAINING_RUN, *_place(run), body)
    store.wrote(written, datetime.now(UTC))
    health.wrote(objects.uid(run), objects.version(written))
    before, now = reason_of(run.get("status") or {}), reason_of(status)
    if before != now:
        await _tell(run, status, client)


async def _tell(run: Object, status: Status, client: KubeClient) -> None:
    """An Event for a new reason. Losing one is no harm: the status has said it."""
    condition = status["conditions"][0]
    bad = condition["status"] == "False"
    now = datetime.now(UTC)
    event = {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.name,
        "metadata": {
            "generateName": f"{objects.name(run)[:50]}-",
            "namespace": objects.namespace(run),
        },
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": "Warning" if bad else "Normal",
        "reason": condition["reason"],
        "action": "Reconcile",
        "note": _short(condition["message"]),
        "reportingController": f"retrain.dev/{FIELD_MANAGER}",
        "reportingInstance": FIELD_MANAGER,
        "regarding": {
            "apiVersion": run["apiVersion"],
            "kind": run["kind"],
            "name": objects.name(run),
            "namespace": objects.namespace(run),
            "uid": objects.uid(run),
        },
    }
    try:
        await client.create(EVENT, objects.namespace(run), event)
    except ApiError as error:
        logger.warning("an event was lost: %s", error)


def _short(text: str) -> str:
    return text.encode()[:MAX_NOTE].decode(errors="ignore")
