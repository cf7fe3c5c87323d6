"""A pass that failed comes again: soon where the server was away, and when it says so."""

import asyncio
from datetime import timedelta

import pytest

from retrain_operator.kube.errors import Refused, Unavailable
from retrain_operator.kube.objects import TRAINING_RUN, Key
from retrain_operator.runtime.metrics import Metrics
from retrain_operator.runtime.queue import WorkQueue
from retrain_operator.runtime.worker import work
from runtime.clock import now, run

KEY = ("ml", "iris")
OUTAGE = 1800.0


def unavailable(seconds: float) -> Unavailable:
    error = Unavailable("get", 429, "TooManyRequests", "too many")
    error.retry_after = seconds
    return error


async def passes_until(fail: Exception, seconds: float) -> list[float]:
    """When ``KEY`` is looked at, where each look fails for so long."""
    queue: WorkQueue[Key] = WorkQueue(now)
    stop = asyncio.Event()
    times: list[float] = []

    async def reconcile(_: Key) -> timedelta | None:
        times.append(now())
        if now() < seconds:
            raise fail
        stop.set()
        return None

    queue.add(KEY)
    await work(TRAINING_RUN, reconcile, queue, Metrics(), stop)
    return times


@pytest.mark.parametrize("fail", [unavailable(0), TimeoutError()], ids=["away", "slow"])
def test_a_minute_after_an_outage_all_has_been_looked_at(fail: Exception) -> None:
    assert OUTAGE <= run(passes_until(fail, OUTAGE))[-1] <= OUTAGE + 60


def test_what_the_server_refuses_is_asked_more_and_more_seldom() -> None:
    times = run(passes_until(Refused("create", 403, "Forbidden", "quota"), OUTAGE))
    assert len(times) < 20


def test_a_server_that_says_when_is_not_asked_before() -> None:
    times = run(passes_until(unavailable(20), 10))
    assert len(times) == 2
    assert times[1] >= 20
