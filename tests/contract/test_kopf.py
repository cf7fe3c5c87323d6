"""Each fact about kopf that the operator relies on, seen through our adapter on a real API server.

These fail when a new version of kopf behaves otherwise.
"""

import ast
import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import kopf
import pytest
from aiohttp import web

from cluster.fixtures import Cluster
from contract.watching import Test, Told, through_a_proxy, watching
from control_plane.proxy import Call, Fault
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, POD, TRAINING_RUN
from retrain_operator.runtime import watch as adapter

ROOT = Path(__file__).parents[2]
OURS = {"app.kubernetes.io/managed-by": "retrain"}
MARKS = ("kopf.zalando.org", "kopf.dev")
"""What kopf's finalizers and annotations begin with."""

Run: TypeAlias = Callable[[Test], None]


@pytest.fixture
def run(api_server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a coroutine with a namespace and a proxy that kopf will see the API server through."""
    own = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(own))
    return lambda test: asyncio.run(through_a_proxy(test, api_server.kubeconfig, own))


def test_kopf_writes_nothing_and_asks_for_nothing_else(
    run: Run,
) -> None:
    async def test(told: Told) -> None:
        await told.create_run("before")
        async with watching(told):
            await told.hears(TRAINING_RUN, "before")
            await told.create_run("during")
            await told.create_job("during", OURS)
            await told.create_pod("during", OURS)
            for kind in (TRAINING_RUN, JOB, POD):
                await told.hears(kind, "during")
            await told.api.patch(
                TRAINING_RUN, told.namespace, "during", {"spec": {"suspend": True}}
            )
            await told.hears(TRAINING_RUN, "during", times=2)
            await told.api.delete(TRAINING_RUN, told.namespace, "before")
            await told.hears(TRAINING_RUN, "before", gone=True)
        assert {call.verb for call in told.proxy.calls} == {"get", "list", "watch"}
        asked = {call.resource for call in told.proxy.calls if call.verb != "get"}
        assert asked == {kind.plural for kind, _ in adapter.WATCHED}
        assert {call.resource for call in told.proxy.calls if call.verb == "get"} == {""}
        for kind in (TRAINING_RUN, JOB, POD):
            found = await told.api.get(kind, told.namespace, "during")
            assert found is not None
            assert not any(name in str(found) for name in MARKS)
            assert found["metadata"].get("finalizers", []) == []
            assert {entry["manager"] for entry in found["metadata"]["managedFields"]} <= {
                *("Python", "kube-controller-manager", "kube-scheduler")
            }

    run(test)


def test_whole_objects_are_told_at_the_start_and_at_every_change_and_when_they_are_gone(
    run: Run,
) -> None:
    async def test(told: Told) -> None:
        await told.create_run("iris")
        await told.create_job("iris", OURS)
        async with watching(told):
            for kind in (TRAINING_RUN, JOB):
                await told.hears(kind, "iris")
                ((listed, _),) = told.of(kind, "iris")[:1]
                assert (listed["apiVersion"], listed["kind"]) == (kind.api_version, kind.name)
            spec = {"spec": {"suspend": True}}
            changed = await told.api.patch(TRAINING_RUN, told.namespace, "iris", spec)
            await told.hears(TRAINING_RUN, "iris", times=2)
            assert told.of(TRAINING_RUN, "iris")[-1] == (changed, False)
            await told.api.delete(TRAINING_RUN, told.namespace, "iris")
            await told.hears(TRAINING_RUN, "iris", gone=True)
            gone, _ = told.of(TRAINING_RUN, "iris")[-1]
            assert objects.uid(gone) == objects.uid(changed)
            assert objects.version(gone) > objects.version(changed)

    run(test)


def test_the_server_chooses_jobs_and_pods_by_their_label(
    run: Run,
) -> None:
    async def test(told: Told) -> None:
        await told.create_job("ours-before", OURS)
        await told.create_job("others-before", {})
        async with watching(told):
            await told.hears(JOB, "ours-before")
            for create, kind in ((told.create_job, JOB), (told.create_pod, POD)):
                await create("others", {"app.kubernetes.io/managed-by": "somebody"})
                await create("ours", OURS)
                await told.hears(kind, "ours")
            without = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
            await told.api.patch(JOB, told.namespace, "ours", without)
            await told.hears(JOB, "ours", gone=True)
        named = {objects.name(item) for kind, item, _ in told.told if kind is not TRAINING_RUN}
        assert named == {"ours-before", "ours"}
        streamed = {
            event["object"]["metadata"].get("name")
            for resource, event in told.streamed
            if resource in ("jobs", "pods") and event["type"] != "BOOKMARK"
        }
        assert streamed == {"ours"}

    run(test)


class Unavailable(Fault):
    """Answers 503 to the first listings of each resource, and then no more."""

    def __init__(self, times: float) -> None:
        self.times = times
        self.refused: dict[str, int] = {}

    async def before(self, call: Call) -> web.Response | None:
        if call.verb != "list" or self.refused.get(call.resource, 0) >= self.times:
            return None
        self.refused[call.resource] = self.refused.get(call.resource, 0) + 1
        return web.json_response({"kind": "Status", "code": 503}, status=503)


class QuickBackoffs:
    """Endless as ours, and of no length that kopf could ask for."""

    def __iter__(self) -> Iterator[float]:
        return itertools.repeat(0.001)


def test_an_outage_longer_than_kopf_s_own_patience_is_outlived(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: Any = kopf.OperatorSettings().networking.error_backoffs
    monkeypatch.setattr(adapter, "_Backoffs", QuickBackoffs)

    async def test(told: Told) -> None:
        fault = Unavailable(times=3 * (len(own) + 1))
        told.proxy.fault = fault
        await told.create_run("iris")
        async with watching(told):
            await told.hears(TRAINING_RUN, "iris")
        assert fault.refused["trainingruns"] == fault.times

    run(test)


def test_with_backoffs_that_end_an_outage_ends_the_process(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_Backoffs", lambda: [0.001] * 3)

    async def test(told: Told) -> None:
        told.proxy.fault = Unavailable(times=float("inf"))
        with pytest.raises(Exception, match="503"):
            await adapter.watch(told.hear, told.put_aside, [told.namespace], asyncio.Event())

    run(test)


def test_our_backoffs_start_soon_grow_and_never_end() -> None:
    backoffs = adapter.settings().networking.error_backoffs
    for _ in range(2):
        first = list(itertools.islice(iter(backoffs), 1000))  # type: ignore[arg-type]
        assert 0.3 < first[0] < 0.7
        assert all(20 < seconds < 40 for seconds in first[7:])


def test_what_is_deleted_while_the_watch_is_broken_is_never_told(
    run: Run,
) -> None:
    """This is why everything is listed again from time to time."""

    async def test(told: Told) -> None:
        await told.create_run("gone")
        await told.create_run("stays")
        async with watching(told):
            for name in ("gone", "stays"):
                await told.hears(TRAINING_RUN, name)
            told.hidden.add("gone")
            await told.api.delete(TRAINING_RUN, told.namespace, "gone")
            told.proxy.expired.add("trainingruns")
            told.proxy.cut_watches()
            await told.hears(TRAINING_RUN, "stays", times=2)
            await told.create_run("later")
            await told.hears(TRAINING_RUN, "later")
        assert "trainingruns" not in told.proxy.expired
        assert all(not gone for _, gone in told.of(TRAINING_RUN, "gone"))

    run(test)


def test_a_watch_that_is_cut_goes_on(run: Run) -> None:
    async def test(told: Told) -> None:
        await told.create_run("iris")
        async with watching(told):
            await told.hears(TRAINING_RUN, "iris")
            told.proxy.cut_watches()
            await told.create_run("rose")
            await told.hears(TRAINING_RUN, "rose")

    run(test)


def test_the_flag_ends_kopf_and_leaves_alone_what_was_started_before_it(
    run: Run,
) -> None:
    async def test(told: Told) -> None:
        await told.create_run("iris")
        before = asyncio.create_task(asyncio.Event().wait())
        stop = asyncio.Event()
        task = asyncio.create_task(adapter.watch(told.hear, told.put_aside, [told.namespace], stop))
        await told.hears(TRAINING_RUN, "iris")
        after = asyncio.create_task(asyncio.Event().wait())
        stop.set()
        await asyncio.wait_for(task, 30)
        with suppress(asyncio.CancelledError):
            await after
        # Which is why the workers are started first.
        assert after.cancelled()
        assert not before.done()
        before.cancel()

    run(test)


def test_kopf_is_known_to_one_module_alone() -> None:
    importing = {
        str(file.relative_to(ROOT))
        for part in ("core", "operator", "trainer", "cli")
        for file in (ROOT / part).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if (isinstance(node, ast.Import) and any(a.name.startswith("kopf") for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kopf"))
    }
    assert importing == {"operator/retrain_operator/runtime/watch.py"}
