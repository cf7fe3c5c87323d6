"""The process: its parts put together, started in order and ended in order."""

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from operator import itemgetter

from kubernetes.aio.client import Configuration

from retrain_operator.config import Config
from retrain_operator.kube import objects
from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.errors import ApiError
from retrain_operator.kube.objects import (
    JOB,
    POD,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Key,
    Kind,
    Object,
)
from retrain_operator.plan.types import Settings
from retrain_operator.runtime.cache import KINDS, Cache, key_of, schedule_of
from retrain_operator.runtime.elect import Alone, Elector, Lead
from retrain_operator.runtime.health import Health
from retrain_operator.runtime.http import serve
from retrain_operator.runtime.metrics import Metrics, Queues, State
from retrain_operator.runtime.queue import WorkQueue
from retrain_operator.runtime.reconcile import Reconciler
from retrain_operator.runtime.resync import SetBack, resync
from retrain_operator.runtime.watch import watch
from retrain_operator.runtime.worker import work

logger = logging.getLogger(__name__)
CRD_SECONDS = 60
DRAIN_SECONDS = 20
DOUBT_SECONDS = 20.0
"""Between two listings that are made because the watch has not told of a write."""
EARLY_RESYNCS = (5.0, 30.0)
"""Seconds. What is deleted between our first listing and kopf's own is told by no watch."""


class CannotStart(Exception):
    """What the operator needs is not there; the message says what to do."""


class Lost(Exception):
    """Another operator may act; the message says why."""


async def run(
    config: Config, access: Configuration, stop: asyncio.Event, lease: Key | None = None
) -> None:
    """Work until ``stop`` is set, then end what is being done.

    ``lease``: acts only while it holds that Lease; until then it stands by, all being known.

    Raises:
        CannotStart: the CRD is not installed.
        Lost: it does not hold the Lease any more.
    """
    metrics = Metrics()
    # With connections of its own: renewals wait for nobody's work.
    elections = KubeClient(access, metrics.put_aside, metrics.request)
    lead: Lead = Alone() if lease is None else Elector(elections, lease)
    client = KubeClient(access, metrics.put_aside, metrics.request, lead.left)
    cache: Cache = Cache()
    queues: Queues = {
        kind: WorkQueue(tenant=itemgetter(0)) for kind in (TRAINING_RUN, RETRAIN_SCHEDULE)
    }
    intake = _Intake(queues)
    health = Health(config.resync_seconds)
    state = State(cache, queues, lambda: health.echo_lag, lambda: lead.left() > 0)
    metrics.registry.register(state)
    settings = Settings(config.trainer, config.defaults, config.job_ttl_seconds)
    reconciler = Reconciler(client, cache, settings, health, intake.add)
    looks = {TRAINING_RUN: reconciler.run, RETRAIN_SCHEDULE: reconciler.schedule}
    server, port = await serve(config.port, health, metrics, lambda: lead.refused)
    logger.info("listening on port %d", port)
    workers: list[asyncio.Task[None]] = []
    try:
        await _wait_for_crd(client)
        await _list_until_done(client, cache, config.namespaces)
        health.resynced(_uids(cache))
        logger.info("%d TrainingRuns", cache.count(TRAINING_RUN))
        # Before kopf, which ends every task that was started after it.
        workers = [
            asyncio.create_task(work(kind, look, queues[kind], metrics, stop))
            for kind, look in looks.items()
            for _ in range(config.workers)
        ]
        leading = asyncio.create_task(_lead(lead, intake, cache))
        leading.add_done_callback(lambda _: stop.set())
        workers.append(leading)

        async def list_again() -> int:
            try:
                changed = await resync(client, cache, config.namespaces)
            except SetBack as error:
                health.set_back(str(error))
                raise
            for kind, item in changed:
                intake.add(kind, item)
            health.resynced(_uids(cache))
            return len(changed)

        workers.append(asyncio.create_task(_keep_resyncing(list_again, health, config, metrics)))
        await watch(_teller(cache, intake, health), metrics.put_aside, config.namespaces, stop)
        if leading.done():
            leading.result()
        await _drain(queues)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        # After the last write.
        await lead.release()
        await server.cleanup()
        await client.close()
        await elections.close()


async def _lead(lead: Lead, intake: "_Intake", cache: Cache) -> None:
    """Let everything be looked at as soon as this process leads. Raises Lost."""
    await lead.acquire()
    intake.opened = True
    for kind in KINDS:
        for item in cache.all(kind):
            intake.add(kind, item)
    raise Lost(await lead.hold())


@dataclass
class _Intake:
    """What is to be looked at: nothing while another leads, and everything when this one does."""

    queues: Queues
    opened: bool = False

    def add(self, kind: Kind, item: Object) -> None:
        """Let be looked at whatever ``item`` concerns."""
        if not self.opened:
            return
        if kind in (TRAINING_RUN, JOB, POD):
            self.queues[TRAINING_RUN].add(key_of(kind, item))
        if kind is not POD and (schedule := schedule_of(kind, item)) is not None:
            self.queues[RETRAIN_SCHEDULE].add(schedule)


def _teller(cache: Cache, intake: _Intake, health: Health) -> Callable[[Kind, Object, bool], None]:
    def told(kind: Kind, item: Object, gone: bool) -> None:
        if gone:
            cache.drop(kind, item)
        else:
            cache.put(kind, item)
        if kind in intake.queues:
            health.saw(objects.uid(item), objects.version(item), gone=gone)
        intake.add(kind, item)

    return told


async def _wait_for_crd(client: KubeClient) -> None:
    """The CRDs may come with the same installation, a moment later."""
    problem = (
        f"the API server does not know {TRAINING_RUN.plural} and {RETRAIN_SCHEDULE.plural} of"
        f" {TRAINING_RUN.api_version}: install the CRDs (kubectl apply --server-side -k crds, or"
        " crds.enabled in the chart)"
    )
    failure = problem
    for _ in range(CRD_SECONDS):
        try:
            if all([await client.served(kind) for kind in (TRAINING_RUN, RETRAIN_SCHEDULE)]):
                return
            failure = problem
        except ApiError as error:
            failure = f"the API server does not answer: {error}"
            logger.warning("%s", failure)
        await asyncio.sleep(1)
    raise CannotStart(failure)


async def _list_until_done(client: KubeClient, cache: Cache, namespaces: list[str]) -> None:
    seconds = 1
    while True:
        try:
            await resync(client, cache, namespaces)
            return
        except ApiError as error:
            logger.warning("cannot list yet: %s", error)
        except Exception:
            logger.exception("a fault of the operator")
        await asyncio.sleep(seconds)
        seconds = min(2 * seconds, 30)


async def _keep_resyncing(
    list_again: Callable[[], Awaitable[int]], health: Health, config: Config, metrics: Metrics
) -> None:
    for seconds in itertools.chain(EARLY_RESYNCS, itertools.repeat(config.resync_seconds)):
        await _due(seconds * random.uniform(0.9, 1.1), health)  # noqa: S311
        try:
            metrics.repairs.inc(await list_again())
        except ApiError as error:
            logger.warning("the listing failed and is made again later: %s", error)
        except SetBack as error:
            logger.warning("the API server was restored from a backup; /healthz says so: %s", error)
        except Exception:
            logger.exception("a fault of the operator")


async def _due(seconds: float, health: Health) -> None:
    """Wait so long; not to the end where only a listing can tell what became of an object."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await asyncio.sleep(min(seconds, DOUBT_SECONDS))
    while loop.time() < end and not health.doubtful:
        await asyncio.sleep(min(1.0, max(end - loop.time(), 0)))


def _uids(cache: Cache) -> set[str]:
    return {*cache.uids(TRAINING_RUN), *cache.uids(RETRAIN_SCHEDULE)}


async def _drain(queues: Queues) -> None:
    """Let what is being done be done; what waits is found again at the next start."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while any(queue.busy for queue in queues.values()):
                await asyncio.sleep(0.05)
    except TimeoutError:
        logger.warning("some work did not end in %d s", DRAIN_SECONDS)
