"""One pass over one run: observe, plan, apply."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.errors import ApiError, Conflict, NotFound
from retrain_operator.kube.objects import Key
from retrain_operator.plan.ladder import plan
from retrain_operator.plan.types import Settings
from retrain_operator.runtime.apply import apply
from retrain_operator.runtime.health import Health
from retrain_operator.runtime.metrics import Metrics
from retrain_operator.runtime.observe import observe
from retrain_operator.runtime.queue import WorkQueue
from retrain_operator.runtime.store import Store

logger = logging.getLogger(__name__)
LONGEST = 60.0
"""Seconds that one pass may take."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Reconciler:
    """What a pass needs."""

    client: KubeClient
    store: Store
    queue: WorkQueue[Key]
    settings: Settings
    health: Health
    metrics: Metrics
    now: Callable[[], datetime] = utc_now

    async def work(self, stop: asyncio.Event) -> None:
        """Take keys and look at them; none after the pass during which ``stop`` was set."""
        while not stop.is_set():
            key = await self.queue.take()
            try:
                await self._pass(key)
            finally:
                self.queue.done(key)

    async def reconcile(self, key: Key) -> timedelta | None:
        """Bring the run ``key`` one step on; returns when to look again though nothing changes."""
        seen = await observe(self.client, self.store, key, self.now())
        if seen is None:
            return None
        decided = plan(seen, self.settings, self.now())
        refusal = await apply(decided, seen, self.client, self.store, self.health)
        if refusal is not None:
            seen = replace(seen, refusal=refusal)
            decided = plan(seen, self.settings, self.now())
            await apply(decided, seen, self.client, self.store, self.health)
        return decided.again

    async def _pass(self, key: Key) -> None:
        began = time.monotonic()
        result = "error"
        try:
            async with asyncio.timeout(LONGEST):
                again = await self.reconcile(key)
            result = "done"
            self.queue.forget(key)
            if again is not None:
                self.queue.add_after(key, again.total_seconds())
        except (Conflict, NotFound) as error:
            # Somebody was faster: the watch brings what they wrote.
            result = "conflict"
            logger.info("looked at too early: %s", error, extra={"key": "/".join(key)})
            self.queue.retry(key)
        except (ApiError, TimeoutError) as error:
            logger.warning("will be tried again: %s", error, extra={"key": "/".join(key)})
            self.queue.retry(key)
        except Exception:
            logger.exception("a fault of the operator", extra={"key": "/".join(key)})
            self.queue.retry(key)
        finally:
            self.metrics.reconciles.labels(result).inc()
            self.metrics.seconds.observe(time.monotonic() - began)
