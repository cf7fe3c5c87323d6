"""The process: what it serves, what it waits for and how it ends."""

import json

from control_plane import node
from control_plane.faults import Gate
from control_plane.scenarios import trained
from control_plane.world import World
from retrain_operator.kube.objects import TRAINING_RUN

METRICS = {
    "retrain_reconcile": "counter",
    "retrain_reconcile_seconds": "histogram",
    "retrain_api_requests": "counter",
    "retrain_api_request_seconds": "histogram",
    "retrain_resync_repairs": "counter",
    "retrain_objects_put_aside": "counter",
    "retrain_queue_depth": "gauge",
    "retrain_queue_oldest_seconds": "gauge",
    "retrain_watch_lag_seconds": "gauge",
    "retrain_store_objects": "gauge",
    "retrain_leader": "gauge",
    "retrain_training_runs": "gauge",
}


async def test_it_is_ready_when_everything_has_been_listed(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.proxy.fault = gate = Gate("list jobs")
    operator.start()
    await gate.reached.wait()
    assert await operator.http("readyz") == (503, "the objects have not been listed yet")
    assert await operator.http("healthz") == (200, "ok")
    gate.opened.set()
    await operator.ready()
    assert await operator.http("readyz") == (200, "ok")


async def test_it_is_unhealthy_when_the_watch_says_nothing_of_what_it_wrote(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.limits["retrain_operator.runtime.health:MAX_ECHO_SECONDS"] = 1.0
    operator.proxy.hidden = lambda resource, event: (
        resource == "trainingruns" and "status" in event["object"]
    )
    await operator.started()
    await space.create_run()
    await space.reads("Starting")
    problem = await operator.unhealthy()
    assert problem.startswith("the watch has not told of a status written ")
    operator.proxy.hidden = lambda _resource, _event: False
    await space.poke()
    await operator.healthy()


async def test_it_is_unhealthy_when_the_api_server_has_less_than_it_told_of(world: World) -> None:
    """A backup was restored: what is known has versions that nothing will ever reach in time."""
    space = await world.space()
    before = await space.api.call("GET", TRAINING_RUN.path(space.name))
    operator = await world.operator(space)
    operator.limits["retrain_operator.runtime.operator:EARLY_RESYNCS"] = (0.5,) * 200
    await operator.started()
    await space.create_run()
    await space.reads("Starting")
    operator.proxy.lists["trainingruns"] = json.dumps(before).encode()
    problem = await operator.unhealthy()
    assert problem.startswith("the API server was restored from a backup: trainingruns are listed")


async def test_it_measures_what_its_table_lists(world: World) -> None:
    space, operator = await world.settled_in()
    await trained(space)
    families = await operator.metrics()
    own = {name: f for name, f in families.items() if not name.endswith("_created")}
    assert {name: family.type for name, family in own.items()} == METRICS
    assert all(family.documentation for family in own.values())
    runs = [(s.labels, s.value) for s in families["retrain_training_runs"].samples]
    assert runs == [({"namespace": space.name, "reason": "Trained"}, 1)]
    requests = {
        (sample.labels["verb"], sample.labels["resource"], sample.labels["code"])
        for sample in families["retrain_api_requests"].samples
        if sample.name == "retrain_api_requests_total"
    }
    assert ("create", "jobs", "201") in requests


async def test_sigterm_ends_it_at_once_and_well(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.start(command=True)
    await operator.ready()
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    operator.process.terminate()
    assert await operator.process.exit_code(seconds=15) == 0
    assert "Traceback" not in operator.log


async def test_sigterm_lets_a_write_under_way_be_done(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.proxy.fault = gate = Gate("create jobs")
    await operator.started()
    await space.create_run()
    await gate.reached.wait()
    operator.process.terminate()
    gate.opened.set()
    assert await operator.process.exit_code(seconds=15) == 0
    assert space.job()
    assert space.reason() is None or space.status()["jobUID"]


async def test_sigterm_ends_it_though_the_api_server_hangs(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.limits["retrain_operator.runtime.operator:DRAIN_SECONDS"] = 1
    operator.proxy.fault = gate = Gate("create jobs")
    await operator.started()
    await space.create_run()
    await gate.reached.wait()
    operator.process.terminate()
    assert await operator.process.exit_code(seconds=15) == 0


async def test_an_api_server_that_is_not_there_yet_is_waited_for(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    await operator.proxy.stop()
    operator.start()
    await space.until(lambda: "the API server does not answer" in operator.log, "it says so")
    assert operator.process.alive
    assert (await operator.http("readyz"))[0] == 503
    await operator.proxy.start()
    await operator.ready()
