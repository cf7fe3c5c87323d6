"""Operators that contend for one Lease: one acts, and another when it does not any more."""

import asyncio
import signal
from dataclasses import dataclass

from control_plane.faults import AnswerHeld, Gate
from control_plane.operators import ATTEMPTS, PAUSE, Operator
from control_plane.process import Limits
from control_plane.proxy import Call
from control_plane.scenarios import trained
from control_plane.space import Space
from control_plane.world import World, grant_lease, side_by_side
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, LEASE, TRAINING_RUN, Object

SOON: Limits = {
    "retrain_operator.plan.lease:LEASE_SECONDS": 8,
    "retrain_operator.plan.lease:RENEW_SECONDS": 6.0,
    "retrain_operator.runtime.elect:RENEW_SECONDS": 6.0,
    "retrain_operator.runtime.elect:RETRY_SECONDS": 0.5,
}
NEVER: Limits = {"retrain_operator.plan.lease:LEASE_SECONDS": 3600}
"""The test has ended before the lease has."""


@dataclass
class Pair:
    """The operator that leads, and another that would."""

    space: Space
    leader: Operator
    standby: Operator

    async def lease(self) -> Object:
        """Its spec."""
        found = await self.space.api.get(LEASE, *self.leader.lease.split("/"))
        assert found
        spec: Object = found["spec"]
        return spec

    @property
    def jobs_created(self) -> int:
        return sum(one.proxy.count("create", "jobs") for one in (self.leader, self.standby))


async def a_pair(world: World, limits: Limits) -> Pair:
    space = await world.space()
    lease = await grant_lease(world.api, space.name, world.access)
    pair = Pair(space, await world.operator(space), await world.operator(space))
    for operator in (pair.leader, pair.standby):
        operator.lease, operator.limits = lease, dict(limits)
    await pair.leader.started()
    await leads(pair.leader)
    await pair.standby.started()
    await space.until(lambda: "stands by: " in pair.standby.log, "the other one stands by")
    return pair


async def leads(operator: Operator) -> None:
    for _ in range(ATTEMPTS):
        if await is_leader(operator):
            return
        await asyncio.sleep(PAUSE)
    raise AssertionError(f"it never leads:\n{operator.log}")


async def is_leader(operator: Operator) -> bool:
    return bool((await operator.metrics())["retrain_leader"].samples[0].value)


def work_of(operator: Operator, since: int = 0) -> list[Call]:
    """What it asked for to be written, whatever came of it, but for the lease."""
    calls = operator.proxy.calls[since:]
    return [call for call in calls if call.writes and call.resource != "leases"]


async def test_one_acts_and_the_other_knows_all_and_is_ready(world: World) -> None:
    pair = await a_pair(world, {})
    await trained(pair.space)
    assert pair.jobs_created == 1
    assert work_of(pair.leader)
    assert [call for call in pair.standby.proxy.calls if call.writes] == []
    holder = (await pair.lease())["holderIdentity"]
    assert f"leads: holds Lease {pair.leader.lease} as {holder}" in pair.leader.log
    assert f"stands by: Lease {pair.leader.lease} is held by {holder}" in pair.standby.log
    for path in ("readyz", "healthz"):
        assert await pair.standby.http(path) == (200, "ok")
    families = await pair.standby.metrics()
    assert families["retrain_leader"].samples[0].value == 0
    known = {s.labels["resource"]: s.value for s in families["retrain_store_objects"].samples}
    assert (known["trainingruns"], known["jobs"]) == (1, 1)
    # Nothing waits for one that does not act, and what is of the cluster is told by one alone.
    assert {s.value for s in families["retrain_queue_depth"].samples} == {0}
    assert "retrain_training_runs" not in families


async def test_one_that_may_not_have_the_lease_is_not_ready_until_it_may(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.lease = f"{space.name}/retrain-operator"
    world.refused = {"leases"}
    operator.start()
    said = f"cannot take Lease {operator.lease}: "
    for _ in range(ATTEMPTS):
        status, text = await operator.http("readyz")
        if text.startswith(said):
            break
        await asyncio.sleep(PAUSE)
    assert (status, "403 Forbidden" in text, '"leases"' in text) == (503, True, True), text
    assert await grant_lease(world.api, space.name, world.access) == operator.lease
    await leads(operator)
    await operator.ready()


async def test_one_that_ends_lets_go_and_the_other_need_not_wait(world: World) -> None:
    pair = await a_pair(world, NEVER)
    await pair.leader.stop()
    assert "released Lease" in pair.leader.log
    await trained(pair.space)
    assert await is_leader(pair.standby)
    assert pair.jobs_created == 1
    await pair.standby.stop()
    assert not (await pair.lease()).get("holderIdentity")


async def test_another_acts_when_the_one_that_does(world: World) -> None:
    """These wait for leases to run out, and need nothing of each other."""
    await side_by_side(
        goes(world)
        for goes in (
            is_killed,
            was_paused_and_writes_nothing_any_more,
            cannot_renew_and_gives_up,
            has_its_lease_deleted,
        )
    )


async def is_killed(world: World) -> None:
    pair = await a_pair(world, SOON)
    first = (await pair.lease())["holderIdentity"]
    pair.leader.kill()
    await trained(pair.space)
    assert await is_leader(pair.standby)
    lease = await pair.lease()
    assert lease["leaseTransitions"] == 1
    assert f"as {lease['holderIdentity']}, after {first}" in pair.standby.log
    assert pair.jobs_created == 1
    # The dead one stands by when it is there again.
    pair.leader.start()
    await pair.leader.ready()
    await pair.space.until(lambda: "stands by" in pair.leader.process.log, "it stands by")
    assert not await is_leader(pair.leader)


async def was_paused_and_writes_nothing_any_more(world: World) -> None:
    pair = await a_pair(world, SOON)
    space, paused = pair.space, pair.leader
    # It has seen that there is no Job, and is about to create it.
    paused.proxy.fault = held = AnswerHeld("get jobs")
    await space.create_run()
    await held.reached.wait()
    paused.process.send(signal.SIGSTOP)
    since = len(paused.proxy.calls)
    await leads(pair.standby)
    await space.has_pod()
    job = space.job()
    held.opened.set()
    paused.process.send(signal.SIGCONT)
    assert await paused.process.exit_code(seconds=30) == 1
    assert f"lost Lease {paused.lease}" in paused.log
    assert "Traceback" not in paused.log
    assert work_of(paused, since) == []
    assert [objects.uid(item) for item in space.all(JOB)] == [objects.uid(job or {})]
    assert pair.jobs_created == 1


async def cannot_renew_and_gives_up(world: World) -> None:
    pair = await a_pair(world, SOON)
    # The API server answers the other one alone.
    await pair.leader.proxy.stop()
    assert await pair.leader.process.exit_code(seconds=30) == 1
    assert "it could not be renewed for" in pair.leader.log
    await trained(pair.space)
    assert await is_leader(pair.standby)


async def has_its_lease_deleted(world: World) -> None:
    pair = await a_pair(world, SOON)
    namespace, name = pair.leader.lease.split("/")
    await pair.space.api.delete(LEASE, namespace, name)
    await trained(pair.space)
    assert (await pair.lease())["holderIdentity"]
    assert pair.jobs_created == 1


async def test_a_write_that_is_late_is_refused_if_the_object_has_changed(world: World) -> None:
    """A run whose time is up is given more while its deletion is on its way."""
    space = await world.space()
    operator = await world.operator(space)
    operator.proxy.fault = gate = Gate("delete trainingruns")
    await operator.started()
    await space.create_run(cancel=True, ttlSecondsAfterFinished=1)
    await gate.reached.wait()
    await space.patch_run(ttlSecondsAfterFinished=3600)
    gate.opened.set()
    await operator.counts(0, "retrain_reconcile", result="conflict")
    deletions = [call.code for call in operator.proxy.calls if call.label == "delete trainingruns"]
    assert deletions == [409]
    assert await space.api.get(TRAINING_RUN, space.name, "iris")
