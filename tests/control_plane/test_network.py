"""Outages, lists and watches that tell what is no longer so, and more than one operator."""

import asyncio
import json
from typing import Any

from control_plane import node
from control_plane.faults import Down, EveryCrash
from control_plane.operators import PASSES, looked_at
from control_plane.proxy import Fault
from control_plane.scenarios import trained
from control_plane.space import Space
from control_plane.world import World, side_by_side
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, POD, TRAINING_RUN


async def begun(space: Space, *names: str) -> None:
    for name in names:
        await space.create_run(name)
    await training(space, *names)


async def training(space: Space, *names: str) -> None:
    for name in names:
        await space.has_pod(name)
        await node.source_ends(space, name)
        await space.reads("Training", name)


async def test_an_api_server_that_answers_with_errors_is_waited_for(world: World) -> None:
    await side_by_side(is_waited_for(world, code) for code in (429, 500, 503))


async def is_waited_for(world: World, code: int) -> None:
    space, operator = await world.settled_in()
    await begun(space, "iris")
    operator.proxy.fault = down = Down(code)
    operator.proxy.cut_watches()
    await space.create_run("late")
    await node.train_ends(space)
    await space.until(lambda: down.answers >= 5, "the operator asks")
    operator.proxy.fault = Fault()
    await space.ended("Trained")
    await space.has_pod("late")
    assert operator.process.alive
    assert operator.proxy.count("create", "jobs") == 2


async def test_an_api_server_that_is_away_is_waited_for(world: World) -> None:
    space, operator = await world.settled_in()
    await begun(space, "iris")
    await operator.proxy.stop()
    await space.create_run("late")
    await node.train_ends(space)
    await space.poke()
    await operator.counts(0, "retrain_api_requests", code="0")
    await operator.proxy.start()
    await space.ended("Trained")
    await space.has_pod("late")
    assert operator.process.alive
    assert operator.proxy.count("create", "jobs") == 2


async def test_what_a_watch_did_not_tell_the_next_listing_does(world: World) -> None:
    """It was silent, or told that its version is too old: 410 Gone."""
    await side_by_side(the_next_listing_tells(world, expired) for expired in (False, True))


async def the_next_listing_tells(world: World, expired: bool) -> None:
    space = await world.space()
    operator = await world.operator(space, resyncSeconds=10)
    operator.limits["retrain_operator.runtime.operator:EARLY_RESYNCS"] = ()
    await operator.started()
    await begun(space, "iris", "lost", "deleted")
    operator.proxy.hidden = lambda _resource, _event: True
    await node.train_ends(space)
    await space.api.delete(JOB, space.name, "lost")
    await space.api.delete(TRAINING_RUN, space.name, "deleted")
    await space.until(lambda: space.job("lost") is None, "the Job is gone")
    await space.until(lambda: space.run("deleted") is None, "the run is gone")
    if expired:
        # Kopf then lists anew, and does not tell what is no longer there.
        operator.proxy.expired = {"trainingruns", "jobs", "pods"}
        operator.proxy.hidden = lambda _resource, _event: False
        operator.proxy.cut_watches()
    await space.ended("Trained")
    await space.ended("JobLost", "lost")
    assert operator.proxy.count("create", "jobs") == 3


async def test_listings_from_before_the_job_make_no_second_one(world: World) -> None:
    space, operator = await world.settled_in()
    operator.kill()
    await space.create_run()
    for kind in (TRAINING_RUN, JOB, POD):
        listed = await space.api.call("GET", kind.path(space.name))
        operator.proxy.lists[kind.plural] = json.dumps(listed).encode()
    old = dict(operator.proxy.lists)
    operator.proxy.lists.clear()
    await operator.started()
    await training(space, "iris")
    operator.kill()

    operator.proxy.lists = old
    operator.proxy.hidden = lambda _resource, _event: True
    await operator.started()
    await operator.counts(0, PASSES)
    assert operator.proxy.count("create", "jobs") == 1
    operator.proxy.lists.clear()
    operator.proxy.hidden = lambda _resource, _event: False
    operator.proxy.cut_watches()
    await node.train_ends(space)
    await space.ended("Trained")
    assert operator.proxy.count("create", "jobs") == 1


async def test_a_listing_from_before_the_end_of_a_run_starts_nothing(world: World) -> None:
    space, operator = await world.settled_in()
    await space.create_run()
    listed = await space.api.call("GET", TRAINING_RUN.path(space.name))
    await space.has_pod()
    await space.patch_run(cancel=True)
    await space.ended("Cancelled")
    await space.until(lambda: space.job() is None, "the Job is gone")
    await space.until(
        lambda: "create events Cancelled" in operator.proxy.writes(), "the end is told"
    )
    operator.kill()

    operator.proxy.lists["trainingruns"] = json.dumps(listed).encode()
    operator.proxy.hidden = lambda _resource, _event: True
    before = len(operator.proxy.calls)
    await operator.started()
    await operator.counts(0, PASSES)
    assert operator.proxy.writes(since=before) == []


async def test_every_other_event_lost_ends_alike(world: World) -> None:
    resources = ("trainingruns", "jobs", "pods")
    await side_by_side(loses_every_other_event(world, resource) for resource in resources)


async def loses_every_other_event(world: World, resource: str) -> None:
    space = await world.space()
    operator = await world.operator(space)
    # Each event that is lost costs the wait for the next listing.
    operator.limits["retrain_operator.runtime.operator:EARLY_RESYNCS"] = (2.0,) * 30
    operator.proxy.hidden = EveryOther(resource)
    await operator.started()
    await trained(space)
    assert operator.proxy.count("create", "jobs") == 1


class EveryOther:
    """Hides every other event of a resource, the first one too."""

    def __init__(self, resource: str) -> None:
        self._resource = resource
        self._hides = False

    def __call__(self, resource: str, _event: Any) -> bool:
        if resource == self._resource:
            self._hides = not self._hides
        return resource == self._resource and self._hides


async def test_two_operators_make_one_job_each_and_then_leave_off(world: World) -> None:
    space = await world.space()
    operators = [await world.operator(space) for _ in range(2)]
    for operator in operators:
        operator.start()
    names = [f"run-{number}" for number in range(12)]
    await asyncio.gather(*(space.create_run(name) for name in names))
    for name in names[:6]:
        await space.has_pod(name)
        await node.source_ends(space, name)
        await node.train_ends(space, name)
    for name in names[6:]:
        await space.has_pod(name)
        await space.patch_run(name, cancel=True)
    for name in names[:6]:
        await space.ended("Trained", name)
    for name in names[6:]:
        await space.ended("Cancelled", name)
    assert sum(operator.proxy.count("create", "jobs") for operator in operators) == len(names)

    for operator in operators:
        await looked_at(operator, space, run="run-0")
    before = [len(operator.proxy.calls) for operator in operators]
    for operator in operators:
        await looked_at(operator, space, times=5, run="run-0")
    writes = [
        write
        for operator, since in zip(operators, before, strict=True)
        for write in operator.proxy.writes(since)
    ]
    assert writes == []


async def test_somebody_who_writes_all_the_time_keeps_no_run_from_its_end(world: World) -> None:
    space, operator = await world.settled_in()

    async def write() -> None:
        while True:
            if space.run():
                await space.poke()
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        writer = group.create_task(write())
        await trained(space)
        writer.cancel()
    labels = objects.labels(space.run() or {})
    assert "example.com/poked" in labels
    assert operator.proxy.count("create", "jobs") == 1


async def test_an_operator_that_dies_of_every_write_gets_to_the_end(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.proxy.fault = deaths = EveryCrash(operator)
    operator.start()
    await trained(space)
    assert deaths.count >= 5
    assert operator.proxy.count("create", "jobs") == 1
