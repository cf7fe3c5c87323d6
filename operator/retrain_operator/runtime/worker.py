"""Takes keys from a queue and looks at them, one pass each; a pass that failed comes again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from retrain_operator.kube.errors import ApiError, Conflict, NotFound, Unavailable
from retrain_operator.kube.objects import Key, Kind
from retrain_operator.runtime.metrics import Metrics
from retrain_operator.runtime.queue import OUTAGE_RETRY, WorkQueue

logger = logging.getLogger(__name__)
LONGEST = 60.0
"""Seconds that one pass may take."""

Reconcile = Callable[[Key], Awaitable[timedelta | None]]
"""Brings an object one step on; returns when to look again though nothing changes."""


async def work(
    kind: Kind,
    reconcile: Reconcile,
    queue: WorkQueue[Key],
    metrics: Metrics,
    stop: asyncio.Event,
) -> None:
    """Look at the keys of ``kind``; at none after the pass during which ``stop`` was set."""
    while not stop.is_set():
        key = await queue.take()
        began = time.monotonic()
        try:
            result = await _one(kind, key, reconcile, queue)
        finally:
            queue.done(key)
        metrics.reconciles.labels(kind.plural, result).inc()
        metrics.seconds.labels(kind.plural).observe(time.monotonic() - began)


async def _one(kind: Kind, key: Key, reconcile: Reconcile, queue: WorkQueue[Key]) -> str:
    about = {"kind": kind.name, "key": "/".join(key)}
    try:
        async with asyncio.timeout(LONGEST):
            again = await reconcile(key)
    except (Conflict, NotFound) as error:
        # Somebody was faster: the watch brings what they wrote.
        logger.info("looked at too early: %s", error, extra=about)
        queue.retry(key)
        return "conflict"
    except Unavailable as error:
        logger.warning("will be tried again: %s", error, extra=about)
        queue.retry(key, OUTAGE_RETRY, error.retry_after)
        return "error"
    except TimeoutError:
        logger.warning("will be tried again: took more than %.0f s", LONGEST, extra=about)
        queue.retry(key, OUTAGE_RETRY)
        return "error"
    except ApiError as error:
        logger.warning("will be tried again: %s", error, extra=about)
        queue.retry(key)
        return "error"
    except Exception:
        logger.exception("a fault of the operator", extra=about)
        queue.retry(key)
        return "error"
    queue.forget(key)
    if again is not None:
        queue.add_after(key, again.total_seconds())
    return "done"
