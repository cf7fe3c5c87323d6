"""What the plan of a run says, done."""

from datetime import UTC, datetime

from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.errors import AlreadyExists, Refused
from retrain_operator.kube.objects import JOB, TRAINING_RUN, Object
from retrain_operator.plan.became import warnings
from retrain_operator.plan.status import reason_of
from retrain_operator.plan.types import EventToSend, Observed, Plan, Refusal, Status
from retrain_operator.runtime.cache import Cache
from retrain_operator.runtime.health import Health
from retrain_operator.runtime.reporting import send_event, write_status


async def apply(
    plan: Plan, seen: Observed, client: KubeClient, cache: Cache, health: Health
) -> Refusal | None:
    """Do what ``plan`` says about ``seen``: the Job, then the status, then an Event.

    Returns the API server's refusal of the Job, if there is one: it is for the plan to tell.
    """
    run = seen.run
    if plan.create_job is not None and (refusal := await _create(plan.create_job, client, cache)):
        return refusal
    job = seen.job
    if job is not None and plan.patch_job is not None:
        cache.put(JOB, await client.patch(JOB, job, plan.patch_job))
    if job is not None and plan.delete_job:
        await client.delete(JOB, job)
    if plan.status is not None and plan.status != seen.status:
        run = await _write_status(run, plan.status, client, cache, health)
    if plan.patch_run is not None:
        cache.put(TRAINING_RUN, await client.patch(TRAINING_RUN, run, plan.patch_run))
    if plan.delete_run:
        await client.delete(TRAINING_RUN, run)
    return None


async def _create(body: Object, client: KubeClient, cache: Cache) -> Refusal | None:
    try:
        cache.put(JOB, await client.create(JOB, body["metadata"]["namespace"], body))
    except AlreadyExists:
        # Ours from before a crash, or somebody's: the next look will tell.
        return None
    except Refused as error:
        # 403 is quota, 400 a webhook that names no code; a policy of the cluster's says 422.
        by_policy = "ValidatingAdmissionPolicy" in error.message
        return Refusal(error.status == 422 and not by_policy, error.message)
    return None


async def _write_status(
    run: Object, status: Status, client: KubeClient, cache: Cache, health: Health
) -> Object:
    written = await write_status(TRAINING_RUN, run, status, client, health)
    cache.wrote(written, datetime.now(UTC))
    if reason_of(run.get("status") or {}) != reason_of(status):
        succeeded = status["conditions"][0]
        failed = succeeded["status"] == "False"
        events = [EventToSend(succeeded["reason"], succeeded["message"], failed)]
        events += [EventToSend(one["reason"], one["message"], True) for one in warnings(status)]
        for event in events:
            await send_event(TRAINING_RUN, run, event, client)
    return written
