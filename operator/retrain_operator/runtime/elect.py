"""The Lease by which one of several operators acts: acquired, kept, and let go."""

import asyncio
import logging
import math
import random
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from retrain_operator.kube.client import KubeClient
from retrain_operator.kube.errors import AlreadyExists, ApiError, Conflict, NotFound, Refused
from retrain_operator.kube.objects import LEASE, Key, Object
from retrain_operator.plan.lease import (
    RENEW_SECONDS,
    RETRY_SECONDS,
    Seen,
    claim,
    left,
    read,
    released,
)

logger = logging.getLogger(__name__)
ATTEMPT_SECONDS = RENEW_SECONDS / 2
RELEASES = 3
"""Attempts: a renewal that was given up may arrive in between."""


class Lead(Protocol):
    """The right to act."""

    refused: str
    """Why the API server does not let this process contend for it; empty: it does."""

    async def acquire(self) -> None:
        """Returns when this process may act."""

    async def hold(self) -> str:
        """Keep the right; returns why it is lost."""

    async def release(self) -> None:
        """Give it to whoever waits for it."""

    def left(self) -> float:
        """Seconds that a write may take from now on; 0: none may begin."""


class Alone:
    """There is no other operator."""

    refused = ""

    async def acquire(self) -> None:
        return

    async def hold(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def release(self) -> None:
        return

    def left(self) -> float:
        return math.inf


class Elector:
    """Contends for the Lease at ``place``. ``clock`` gives seconds and never goes back."""

    def __init__(
        self, client: KubeClient, place: Key, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._place = place
        self._clock = clock
        self.identity = f"{socket.gethostname()}_{uuid4()}"
        self._lease: Object | None = None
        """As it was last written or read; None: to be read."""
        self._seen: Seen | None = None
        self._renewed = -math.inf
        """When the last renewal that went well was sent."""
        self._told: str | None = None
        self.refused = ""

    def left(self) -> float:
        return left(self._renewed, self._clock())

    async def acquire(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    leads = await self._attempt()
                self.refused = ""
                if leads:
                    return
            except (Conflict, AlreadyExists):
                logger.info("somebody else was faster to take %s", self._name)
            except (ApiError, TimeoutError) as error:
                logger.warning("cannot take %s: %s", self._name, _words(error))
                if isinstance(error, Refused | NotFound):
                    self.refused = f"cannot take {self._name}: {error}"
            self._lease = None
            await asyncio.sleep(self._pause())

    async def hold(self) -> str:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            remaining = self._renewed + RENEW_SECONDS - self._clock()
            if remaining <= 0:
                return self._lost(f"it could not be renewed for {RENEW_SECONDS:.0f} s")
            try:
                async with asyncio.timeout(min(ATTEMPT_SECONDS, remaining)):
                    if not await self._renew():
                        return self._lost(f"{self._holder} holds it")
            except (ApiError, TimeoutError) as error:
                logger.warning("cannot renew %s: %s", self._name, _words(error))
                self._lease = None

    async def release(self) -> None:
        """Of no matter whether it is known to be held: the answer may have been lost."""
        self._renewed = -math.inf
        for _ in range(RELEASES):
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    lease = await self._client.get(LEASE, *self._place)
                    if lease is None or Seen(lease.get("spec") or {}, 0).holder != self.identity:
                        return
                    await self._client.patch(LEASE, lease, {"spec": released(datetime.now(UTC))})
                    logger.info("released %s, held as %s", self._name, self.identity)
                    return
            except Conflict:
                continue
            except (ApiError, TimeoutError) as error:
                message = "cannot release %s, which runs out by itself: %s"
                logger.warning(message, self._name, _words(error))
                return

    @property
    def _holder(self) -> str:
        """As it was last read."""
        return self._seen.holder if self._seen else ""

    @property
    def _name(self) -> str:
        return f"Lease {'/'.join(self._place)}"

    async def _renew(self) -> bool:
        """As ``_attempt``; somebody who has changed or deleted the lease may have taken it."""
        try:
            return await self._attempt()
        except (Conflict, NotFound):
            self._lease = None
            return await self._attempt()

    async def _attempt(self) -> bool:
        """Take or renew the lease if that may be; whether it is ours then. Raises ApiError."""
        lease = self._lease or await self._client.get(LEASE, *self._place)
        if lease is None:
            self._seen = None
        else:
            self._seen = read(self._seen, lease.get("spec") or {}, self._clock())
        sent = self._clock()
        spec = claim(self._seen, self.identity, sent, datetime.now(UTC))
        if spec is None:
            self._tell(self._holder)
            return False
        before = self._holder
        self._lease = await self._write(lease, spec)
        self._seen = Seen(self._lease["spec"], self._clock())
        self._renewed = sent
        self._tell(self.identity, before)
        return True

    async def _write(self, lease: Object | None, spec: Object) -> Object:
        if lease is not None:
            return await self._client.patch(LEASE, lease, {"spec": spec})
        namespace, name = self._place
        body = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"name": name},
            "spec": spec,
        }
        return await self._client.create(LEASE, namespace, body)

    def _pause(self) -> float:
        """Seconds to the next attempt: at the latest when the lease runs out."""
        pause = RETRY_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        if self._seen is None:
            return pause
        runs_out = self._seen.runs_out - self._clock()
        return min(pause, runs_out) if runs_out > 0 else pause

    def _tell(self, holder: str, before: str = "") -> None:
        if holder == self._told:
            return
        self._told = holder
        if holder != self.identity:
            logger.info("stands by: %s is held by %s", self._name, holder)
            return
        since = f", after {before}" if before and before != holder else ""
        logger.info("leads: holds %s as %s%s", self._name, holder, since)

    def _lost(self, why: str) -> str:
        self._renewed = -math.inf
        logger.error("lost %s, held as %s: %s", self._name, self.identity, why)
        return why


def _words(error: Exception) -> str:
    return str(error) or "no answer in time"
