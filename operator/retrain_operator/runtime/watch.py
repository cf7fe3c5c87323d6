"""Kopf as a read-only informer: the one module that knows it.

Handlers of `on.event` alone make kopf write nothing to users' objects: no finalizer, no
annotation. tests/contract holds it to that.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import kopf

from retrain_core import names
from retrain_operator.kube.client import PAGE, PutAside
from retrain_operator.kube.objects import (
    CRON_JOB,
    JOB,
    POD,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Kind,
    Object,
)
from retrain_operator.runtime.guard import guarded

Told = Callable[[Kind, Object, bool], None]
"""Told kind, object, and whether it is gone."""

OURS = f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY}"
WATCHED = (
    (TRAINING_RUN, None),
    (RETRAIN_SCHEDULE, None),
    (CRON_JOB, OURS),
    (JOB, OURS),
    (POD, OURS),
)
"""Kinds and the label selector by which the API server chooses."""


class _NoDiff(kopf.DiffBaseStorage):
    """No handler compares: kopf need not copy each object to find what has changed."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        return


@dataclass(frozen=True, kw_only=True, eq=False)
class _Session(kopf.AiohttpSession):
    """Kopf asks for credentials again when they are refused, and gives up if they are the same."""

    info: kopf.ConnectionInfo

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Session) and self.info == other.info

    def __hash__(self) -> int:
        return hash(self.info)


def _session(
    info: kopf.ConnectionInfo, response: type[aiohttp.ClientResponse]
) -> kopf.AiohttpSession:
    """What kopf itself would make of ``info``, with responses of our own."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
        headers=info.as_http_headers(),
        proxy=info.proxy_url,
        trust_env=info.trust_env,
        response_class=response,
    )
    return _Session(
        server=info.server,
        priority=info.priority,
        default_namespace=info.default_namespace,
        expiration=info.expiration,
        aiohttp_session=session,
        info=info,
    )


class _Backoffs:
    """Without end: with kopf's own, an outage of a minute ends the process."""

    def __iter__(self) -> Iterator[float]:
        for failures in itertools.count():
            yield min(0.5 * 2 ** min(failures, 6), 30.0) * random.uniform(0.75, 1.25)  # noqa: S311


def settings() -> kopf.OperatorSettings:
    """Kopf's settings, each for a reason that was measured."""
    found = kopf.OperatorSettings()
    found.peering.standalone = True
    found.scanning.disabled = True
    found.posting.enabled = False
    found.persistence.diffbase_storage = _NoDiff()
    found.persistence.finalizer = f"{names.PREFIX}never"
    found.watching.chunk_size = PAGE
    found.watching.server_timeout = 600
    found.watching.connect_timeout = 10
    found.networking.connect_timeout = 10
    found.networking.request_timeout = 30
    found.networking.error_backoffs = _Backoffs()
    found.queueing.idle_timeout = 1.0
    found.execution.max_workers = 1
    found.process.ultimate_exiting_timeout = 25
    for kind, selector in WATCHED:
        if selector:
            group, _, version = kind.api_version.rpartition("/")
            found.watching.label_selectors[group, version, kind.plural] = selector
    return found


async def watch(
    told: Told,
    put_aside: PutAside,
    namespaces: list[str],
    stop: asyncio.Event,
) -> None:
    """Tell of every object of the watched kinds until ``stop`` is set, or a signal has set it.

    What cannot be told is told to ``put_aside``.
    """
    registry = kopf.OperatorRegistry()
    response = guarded({kind.plural: kind for kind, _ in WATCHED}, put_aside)

    # A coroutine: a session is of the loop that it is made in.
    @kopf.on.login(registry=registry)
    async def _login(**known: Any) -> kopf.AiohttpSession | None:
        found = kopf.login_with_service_account(**known) or kopf.login_with_kubeconfig(**known)
        return _session(found, response) if found else None

    @kopf.on.cleanup(registry=registry)
    async def _ending(**_: Any) -> None:
        # Kopf has taken the signals to itself, and ends 5 s later where nobody sets it.
        stop.set()

    for kind, _selector in WATCHED:
        _register(registry, kind, told)
    await kopf.operator(
        registry=registry,
        settings=settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )


def _register(registry: kopf.OperatorRegistry, kind: Kind, told: Told) -> None:
    group, _, version = kind.api_version.rpartition("/")

    @kopf.on.event(group, version, kind.plural, registry=registry, id=kind.plural)
    async def _seen(event: kopf.RawEvent, **_: Any) -> None:
        told(kind, dict(event["object"]), event["type"] == "DELETED")
