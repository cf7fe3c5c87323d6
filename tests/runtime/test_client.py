"""What the client makes of answers that an API server gives under load, over real connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import Configuration

from plan.triggering import Life
from retrain_core import names
from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.errors import Expired, Unavailable
from retrain_operator.kube.objects import (
    CRON_JOB,
    JOB,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Object,
)
from retrain_operator.runtime import observe_schedule
from retrain_operator.runtime.cache import Cache
from retrain_operator.runtime.observe_schedule import Foreign
from retrain_operator.runtime.resync import resync

Answer = Callable[[web.Request], Awaitable[web.Response]]
CLOCK = {"name": "weekly", "cron": {"schedule": "0 0 * * 1"}}


@asynccontextmanager
async def client_of(answer: Answer) -> AsyncIterator[KubeClient]:
    """A client of a server that answers as ``answer`` does."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config: Configuration = type.__call__(Configuration)
    config.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = KubeClient(config, lambda *_: None)
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def a_run(name: str, version: int) -> Object:
    metadata = {"name": name, "namespace": "ml", "uid": name, "resourceVersion": str(version)}
    return {"metadata": metadata, "spec": {}}


def page(version: int, token: str | None, *items: Object) -> web.Response:
    metadata = {"resourceVersion": str(version), "continue": token}
    return web.json_response({"metadata": metadata, "items": items})


def gone(token: str | None) -> web.Response:
    metadata = {"continue": token} if token else {}
    return web.json_response({"reason": "Expired", "metadata": metadata}, status=410)


def test_a_listing_that_outlives_its_moment_goes_on_and_forgets_nothing_made_meanwhile() -> None:
    cache = Cache()
    cache.put(TRAINING_RUN, a_run("c-deleted-before", 15))

    async def answer(request: web.Request) -> web.Response:
        if request.path.split("/")[-1] != TRAINING_RUN.plural:
            return page(30, None)
        if request.query.get("continue") == "old":
            # By the watch.
            cache.put(TRAINING_RUN, a_run("b-made-meanwhile", 25))
        return {
            None: page(20, "old", a_run("a", 1)),
            "old": gone("anew"),
            "anew": page(30, None, a_run("z", 29)),
        }[request.query.get("continue")]

    async def work() -> set[str]:
        async with client_of(answer) as client:
            await resync(client, cache, [])
        return set(cache.uids(TRAINING_RUN))

    assert asyncio.run(work()) == {"a", "b-made-meanwhile", "z"}


@pytest.mark.parametrize("token", [None, "old"])
def test_a_listing_that_cannot_go_on_fails_as_a_whole(token: str | None) -> None:
    async def answer(request: web.Request) -> web.Response:
        return gone(token) if "continue" in request.query else page(20, "old", a_run("a", 1))

    async def work() -> None:
        async with client_of(answer) as client:
            async for _ in client.list(TRAINING_RUN, "ml"):
                pass

    with pytest.raises(Expired):
        asyncio.run(work())


@pytest.mark.parametrize(
    ("status", "said", "seconds"),
    [
        (429, "7", 7.0),
        (503, "30", 30.0),
        (503, "soon", 0.0),
        (500, None, 0.0),
        (429, "9" * 99, 0.0),
    ],
)
def test_when_to_ask_again_is_heard(status: int, said: str | None, seconds: float) -> None:
    async def answer(_: web.Request) -> web.Response:
        headers = {"Retry-After": said} if said else {}
        return web.json_response({"reason": "TooManyRequests"}, status=status, headers=headers)

    async def work() -> None:
        async with client_of(answer) as client:
            await client.get(JOB, "ml", "a")

    with pytest.raises(Unavailable) as told:
        asyncio.run(work())
    assert told.value.retry_after == seconds


def a_job(number: int, clock: Object) -> Object:
    """One that says it is the clock's."""
    name = f"iris-weekly-{number}"
    reference = {"kind": "CronJob", "uid": clock["metadata"]["uid"], "controller": True}
    metadata = {
        "name": name,
        "namespace": "ml",
        "uid": name,
        "resourceVersion": "1",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {names.SCHEDULE_LABEL: "iris", names.TRIGGER_LABEL: "weekly"},
        "ownerReferences": [reference],
    }
    return {"metadata": metadata, "spec": {}, "status": {}}


def test_a_pass_over_a_slow_api_server_acts_on_what_it_has_seen_and_goes_on_in_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observe_schedule, "LOOK_SECONDS", 0.03)
    life = Life.of(CLOCK)
    life.settle()
    (clock,) = life.cron_jobs
    clock["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    jobs = {one["metadata"]["name"]: one for one in (a_job(number, clock) for number in range(8))}

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(0.02)
        found: Any = jobs.get(request.path.split("/")[-1])
        return web.json_response(found or {"reason": "NotFound"}, status=200 if found else 404)

    async def work() -> list[tuple[bool, int]]:
        cache, foreign = Cache(), Foreign()
        cache.put(RETRAIN_SCHEDULE, life.schedule)
        cache.put(CRON_JOB, clock)
        for job in jobs.values():
            cache.put(JOB, job)
        passes: list[tuple[bool, int]] = []
        async with client_of(answer) as client:
            while not passes or passes[-1][0]:
                seen = await observe_schedule.observe_schedule(
                    client, cache, ("ml", "iris"), foreign
                )
                assert seen is not None
                passes.append((seen.unfinished, len(foreign)))
                assert len(passes) < 100
        return passes

    passes = asyncio.run(work())
    assert len(passes) > 1
    looked = [count for _, count in passes]
    assert looked == sorted(looked)
    assert looked[-1] == len(jobs)
