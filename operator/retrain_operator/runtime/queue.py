"""The work queue: keys, each at most once waiting and at most once at work.

The rules are those of client-go's workqueue: a key added while it is worked on is worked on once
more afterwards; a key that failed comes back later, each time twice as late. Tenants take turns:
however many keys one of them has waiting, another's waits for one of each.
"""

import asyncio
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_RETRY = 0.5
LAST_RETRY = 300.0
SPREAD = (0.75, 1.25)
OUTAGE_RETRY = 45.0
"""Instead, where the server was away: it is nothing about the key, and all wait for its end."""


class WorkQueue(Generic[K]):
    """For one event loop. ``clock`` gives seconds, ``tenant`` whose turn a key takes."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        tenant: Callable[[K], Hashable] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._tenant = tenant
        self._waiting: dict[K, float] = {}
        self._working: set[K] = set()
        self._dirty: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._turns: OrderedDict[Hashable, deque[K]] = OrderedDict()
        """The keys of ``_waiting`` by tenant, in the same order; whose turn is next is first."""
        self._ready = asyncio.Semaphore(0)
        """Counts the keys of ``_waiting``."""

    def add(self, key: K) -> None:
        """Let ``key`` be worked on as soon as possible."""
        if key in self._working:
            self._dirty.add(key)
        elif key not in self._waiting:
            self._waiting[key] = self._clock()
            self._turns.setdefault(self._tenant(key), deque()).append(key)
            self._ready.release()

    def add_after(self, key: K, seconds: float) -> None:
        """Let ``key`` be worked on after ``seconds``, or sooner if it is to be anyway."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        pending = self._timers.get(key)
        if pending is not None:
            if pending.when() <= loop.time() + seconds:
                return
            pending.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def retry(self, key: K, most: float = LAST_RETRY, least: float = 0.0) -> None:
        """Let ``key`` be worked on later, for it has failed.

        After about ``most`` seconds at the latest, and no sooner than after ``least``.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        spread = random.uniform(*SPREAD)  # noqa: S311 - spreads load
        delay = min(FIRST_RETRY * 2 ** min(failures, 20), most) * spread
        # Never sooner than was asked for.
        self.add_after(key, max(delay, min(least, LAST_RETRY) * (1 + spread - SPREAD[0])))

    def forget(self, key: K) -> None:
        """``key`` has been worked on well: its next failure is its first."""
        self._failures.pop(key, None)

    async def take(self) -> K:
        """The key that waits longest of whose turn it is; it is at work now until ``done``."""
        await self._ready.acquire()
        tenant, keys = self._turns.popitem(last=False)
        key = keys.popleft()
        if keys:
            self._turns[tenant] = keys
        del self._waiting[key]
        self._working.add(key)
        return key

    def done(self, key: K) -> None:
        """``key`` is no longer at work."""
        self._working.discard(key)
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)

    @property
    def depth(self) -> int:
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether a key is at work."""
        return bool(self._working)

    @property
    def oldest(self) -> float:
        """Seconds that the first key has been waiting."""
        return next((self._clock() - since for since in self._waiting.values()), 0.0)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)
