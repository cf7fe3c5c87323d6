"""What the plan of a schedule says, done."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from retrain_core import names
from retrain_core.build.cronjob import HASH_ANNOTATION
from retrain_operator.kube import objects
from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.errors import AlreadyExists, Refused
from retrain_operator.kube.objects import CRON_JOB, RETRAIN_SCHEDULE, Key, Kind, Object
from retrain_operator.plan.schedule.events import events_to_send
from retrain_operator.plan.schedule.types import (
    Action,
    Apply,
    Create,
    Delete,
    Named,
    Patch,
    Seen,
)
from retrain_operator.plan.types import EventToSend, Status
from retrain_operator.runtime.cache import Cache
from retrain_operator.runtime.health import Health
from retrain_operator.runtime.observe_schedule import is_deleted, is_orphan
from retrain_operator.runtime.remembered import Applied
from retrain_operator.runtime.reporting import send_event, write_status


async def apply_schedule(
    actions: Iterable[Action], seen: Seen, client: KubeClient, cache: Cache, applied: Applied
) -> dict[Named, str]:
    """Do ``actions`` in their order.

    Returns what the API server says against objects: it is for the plan to tell.
    """
    refusals = {}
    for action in actions:
        target = action.body if isinstance(action, Apply | Create) else action.item
        try:
            await _do(action, seen, client, cache, applied)
        except Refused as error:
            refusals[action.kind, objects.name(target)] = error.message
    return refusals


async def report_schedule(
    status: Status | None, seen: Seen, client: KubeClient, cache: Cache, health: Health
) -> None:
    """Write the status if it differs, and an Event for each thing that it says anew."""
    if status is None or status == seen.status:
        return
    written = await write_status(RETRAIN_SCHEDULE, seen.schedule, status, client, health)
    cache.put(RETRAIN_SCHEDULE, written)
    for event in events_to_send(seen.schedule, status):
        await send_event(RETRAIN_SCHEDULE, seen.schedule, event, client)


async def stop_orphans(client: KubeClient, cache: Cache, key: Key) -> None:
    """End the clocks of a schedule that was deleted and let them go. What they started goes on."""
    orphans = [item for item in cache.of_schedule(CRON_JOB, key) if is_orphan(item)]
    if orphans and await is_deleted(client, key):
        for item in orphans:
            await client.delete(CRON_JOB, item, orphan=True)


async def _do(
    action: Action, seen: Seen, client: KubeClient, cache: Cache, applied: Applied
) -> None:
    match action:
        case Create(kind, body):
            try:
                cache.put(kind, await client.create(kind, objects.namespace(body), body))
            except AlreadyExists:
                # Ours from before a crash, or somebody's: the next look will tell.
                return
            message = json.loads(objects.annotations(body)[names.TRIGGERED_BY_ANNOTATION])
            note = f"{objects.name(body)}: trigger {message['name']}: {message['evidence']}"
            event = EventToSend("RunStarted", note)
            await send_event(RETRAIN_SCHEDULE, seen.schedule, event, client)
        case Apply(kind, None, body):
            try:
                made = await client.create(kind, objects.namespace(body), body)
            except AlreadyExists:
                return
            cache.put(kind, made)
            applied.applied(objects.place(seen.schedule), made, None)
        case Apply(kind, dict(item), body):
            await _make(kind, item, body, seen, client, cache, applied)
        case Patch(kind, item, body):
            cache.put(kind, await client.patch(kind, item, body))
        case Delete(kind, item, orphan):
            if not await client.delete(kind, item, orphan=orphan):
                # The watch has missed that it went.
                cache.drop(kind, item)


async def _make(
    kind: Kind,
    item: Object,
    body: Object,
    seen: Seen,
    client: KubeClient,
    cache: Cache,
    applied: Applied,
) -> None:
    """Make the spec of ``item`` that of ``body``, whatever somebody has put there besides."""
    live = await client.get(kind, *objects.place(item))
    if live is None or objects.uid(live) != objects.uid(item):
        # The watch has missed that it went.
        cache.drop(kind, item)
        return
    metadata = {key: body["metadata"][key] for key in ("labels", "annotations")}
    change = {"metadata": metadata, "spec": exactly(live["spec"], body["spec"])}
    made = await client.patch(kind, live, change)
    cache.put(kind, made)
    hashes = {objects.annotations(one).get(HASH_ANNOTATION) for one in (live, body)}
    repaired = len(hashes) == 1 and objects.generation(made) != objects.generation(live)
    applied.applied(objects.place(seen.schedule), made, datetime.now(UTC) if repaired else None)
    if repaired:
        note = f"CronJob {objects.name(item)} was changed by somebody and is as the spec says again"
        event = EventToSend("CronJobRepaired", note, warning=True)
        await send_event(RETRAIN_SCHEDULE, seen.schedule, event, client)


def exactly(live: Any, wanted: Any) -> Any:
    """The merge patch that makes ``live`` what is ``wanted``: what is there besides goes."""
    if not isinstance(live, dict) or not isinstance(wanted, dict):
        return wanted
    gone = dict.fromkeys(live.keys() - wanted.keys())
    return {**gone, **{key: exactly(live.get(key), value) for key, value in wanted.items()}}
