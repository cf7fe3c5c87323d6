"""What the plan of a schedule says, done."""

import json
from collections.abc import Iterable

from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.errors import AlreadyExists, Refused
from retrain_operator.kube.objects import CRON_JOB, RETRAIN_SCHEDULE, Key
from retrain_operator.plan.schedule.news import news_of
from retrain_operator.plan.schedule.types import (
    Action,
    Apply,
    Create,
    Delete,
    Named,
    Patch,
    Seen,
)
from retrain_operator.plan.types import Status
from retrain_operator.runtime.health import Health
from retrain_operator.runtime.observe_schedule import is_deleted, is_orphan
from retrain_operator.runtime.store import Store
from retrain_operator.runtime.tell import tell, write_status


async def apply_schedule(
    actions: Iterable[Action], seen: Seen, client: KubeClient, store: Store
) -> dict[Named, str]:
    """Do ``actions`` in their order.

    Returns what the API server says against objects: it is for the plan to tell.
    """
    refusals = {}
    for action in actions:
        target = action.body if isinstance(action, Apply | Create) else action.item
        try:
            await _do(action, seen, client, store)
        except Refused as error:
            refusals[action.kind, objects.name(target)] = error.message
    return refusals


async def tell_schedule(
    status: Status | None, seen: Seen, client: KubeClient, store: Store, health: Health
) -> None:
    """Write the status if it differs, and an Event for each thing that it says anew."""
    if status is None or status == seen.status:
        return
    written = await write_status(RETRAIN_SCHEDULE, seen.schedule, status, client, health)
    store.put(RETRAIN_SCHEDULE, written)
    for news in news_of(seen.schedule, status):
        await tell(RETRAIN_SCHEDULE, seen.schedule, news.reason, news.note, client, bad=news.bad)


async def stop_orphans(client: KubeClient, store: Store, key: Key) -> None:
    """End the clocks of a schedule that was deleted and let them go. What they started goes on."""
    orphans = [item for item in store.of_schedule(CRON_JOB, key) if is_orphan(item)]
    if orphans and await is_deleted(client, key):
        for item in orphans:
            await client.delete(CRON_JOB, *objects.place(item), objects.uid(item), orphan=True)


async def _do(action: Action, seen: Seen, client: KubeClient, store: Store) -> None:
    match action:
        case Create(kind, body):
            try:
                store.put(kind, await client.create(kind, objects.namespace(body), body))
            except AlreadyExists:
                # Ours from before a crash, or somebody's: the next look will tell.
                return
            said = json.loads(objects.annotations(body)[names.TRIGGERED_BY_ANNOTATION])
            note = f"{objects.name(body)}: trigger {said['name']}: {said['evidence']}"
            await tell(RETRAIN_SCHEDULE, seen.schedule, "RunStarted", note, client)
        case Apply(kind, None, body):
            # Not by force: somebody may have taken the name since it was looked for.
            store.put(kind, await client.apply(kind, *objects.place(body), body, force=False))
        case Apply(kind, dict(item), body):
            same = {**body, "metadata": {**body["metadata"], "uid": objects.uid(item)}}
            store.put(kind, await client.apply(kind, *objects.place(body), same))
        case Patch(kind, item, body):
            metadata = {**body.get("metadata", {}), "uid": objects.uid(item)}
            same = {**body, "metadata": metadata}
            store.put(kind, await client.patch(kind, *objects.place(item), same))
        case Delete(kind, item, orphan):
            if not await client.delete(
                kind, *objects.place(item), objects.uid(item), orphan=orphan
            ):
                # The watch has missed that it went.
                store.drop(kind, item)
