"""What the probes and Prometheus are told."""

import asyncio

import aiohttp
import pytest

from retrain_operator.kube.objects import JOB, TRAINING_RUN, Key
from retrain_operator.runtime.cache import Cache
from retrain_operator.runtime.health import Health
from retrain_operator.runtime.http import serve
from retrain_operator.runtime.metrics import Metrics, State
from retrain_operator.runtime.queue import WorkQueue


def answers(health: Health, metrics: Metrics, *paths: str) -> list[tuple[int, str]]:
    async def ask() -> list[tuple[int, str]]:
        server, port = await serve(0, health, metrics)
        found = []
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                for path in paths:
                    async with session.get(path) as answer:
                        found.append((answer.status, await answer.text()))
        finally:
            await server.cleanup()
        return found

    return asyncio.run(ask())


def test_a_new_process_is_alive_and_not_ready() -> None:
    alive, ready = answers(Health(600), Metrics(), "/healthz", "/readyz")
    assert alive == (200, "ok")
    assert ready == (503, "the objects have not been listed yet")


def test_a_process_that_has_listed_everything_is_ready() -> None:
    health = Health(600)
    health.resynced(set())
    assert answers(health, Metrics(), "/readyz") == [(200, "ok")]


def test_a_process_that_should_be_started_anew_says_why() -> None:
    now = 0.0
    health = Health(600, lambda: now)
    health.resynced(set())
    now = 9999.0
    ((status, text),) = answers(health, Metrics(), "/healthz")
    assert status == 503
    assert "the last full listing was 9999 s ago" in text


def test_nothing_else_is_served() -> None:
    assert {status for status, _ in answers(Health(600), Metrics(), "/", "/debug")} == {404}


@pytest.fixture
def metrics() -> Metrics:
    cache, queues, made = Cache(), {TRAINING_RUN: WorkQueue[Key]()}, Metrics()
    for name, reason in (("a", "Trained"), ("b", "Trained"), ("c", None)):
        conditions = [{"type": "Succeeded", "reason": reason}] if reason else []
        metadata = {"name": name, "namespace": "ml", "uid": name, "resourceVersion": "1"}
        cache.put(TRAINING_RUN, {"metadata": metadata, "status": {"conditions": conditions}})
    made.registry.register(State(cache, queues, lambda: 1.5, lambda: True))
    made.request("list", JOB, 200, 0.01)
    made.reconciles.labels("trainingruns", "done").inc()
    return made


@pytest.mark.parametrize(
    "sample",
    [
        'retrain_training_runs{namespace="ml",reason="Trained"} 2.0',
        'retrain_training_runs{namespace="ml",reason=""} 1.0',
        'retrain_store_objects{resource="trainingruns"} 3.0',
        'retrain_store_objects{resource="pods"} 0.0',
        'retrain_queue_depth{resource="trainingruns"} 0.0',
        'retrain_queue_oldest_seconds{resource="trainingruns"} 0.0',
        "retrain_watch_lag_seconds 1.5",
        "retrain_leader 1.0",
        'retrain_api_requests_total{code="200",resource="jobs",verb="list"} 1.0',
        'retrain_reconcile_total{resource="trainingruns",result="done"} 1.0',
    ],
)
def test_metrics_tell_the_state_of_today(metrics: Metrics, sample: str) -> None:
    ((status, text),) = answers(Health(600), metrics, "/metrics")
    assert status == 200
    assert sample in text.splitlines()


def test_every_metric_has_a_help_text(metrics: Metrics) -> None:
    ((_, text),) = answers(Health(600), metrics, "/metrics")
    helps = [line for line in text.splitlines() if line.startswith("# HELP")]
    assert helps
    assert all(line.rstrip().endswith(".") for line in helps if "_created" not in line)
