"""What a process remembers of what it has seen and done; another one finds out anew."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from retrain_operator.kube import objects
from retrain_operator.kube.objects import Key, Object

REPAIRED_AGAIN = timedelta(minutes=1)
"""A CronJob that somebody keeps on changing is not put right more often."""


class Since:
    """Since when something has been as it is, whatever becomes of the time of day."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Key, tuple[str, float]] = {}

    def of(self, key: Key, what: str | None, now: datetime) -> datetime | None:
        """When ``what`` was first seen of ``key``, in a row until now; None of nothing."""
        if what is None:
            self._seen.pop(key, None)
            return None
        if key not in self._seen or self._seen[key][0] != what:
            self._seen[key] = (what, self._clock())
        return now - timedelta(seconds=self._clock() - self._seen[key][1])


@dataclass(frozen=True)
class _Standing:
    generation: int
    repaired: datetime | None


class Applied:
    """The CronJobs of each schedule as the operator last applied them.

    Kubernetes counts changes of a spec in `generation`. Comparing specs would take its defaults,
    and what admission adds, for changes, and put them right for ever.
    """

    def __init__(self) -> None:
        self._known: dict[Key, dict[str, _Standing]] = {}

    def altered(self, key: Key, cron_jobs: Iterable[Object], now: datetime) -> frozenset[str]:
        """Uids of those of the schedule ``key`` that may be other than applied, and are due."""
        before = self._known.get(key, {})
        uids = {objects.uid(item): objects.generation(item) for item in cron_jobs}
        self._known[key] = {uid: before[uid] for uid in uids if uid in before}
        return frozenset(
            uid
            for uid, generation in uids.items()
            if (known := before.get(uid)) is None
            or (
                known.generation != generation
                and (known.repaired is None or abs(now - known.repaired) >= REPAIRED_AGAIN)
            )
        )

    def applied(self, key: Key, after: Object, repaired: datetime | None) -> None:
        """``after`` is as it was applied; ``repaired``: when, if somebody had changed it."""
        standing = _Standing(objects.generation(after), repaired)
        self._known.setdefault(key, {})[objects.uid(after)] = standing

    def forget(self, key: Key) -> None:
        self._known.pop(key, None)
