"""Whether the operator is alive: the watch tells what we wrote, the resync goes on."""

import time
from collections.abc import Callable, Collection

MAX_ECHO_SECONDS = 120.0
MISSED_RESYNCS = 3


class Health:
    """Filled by apply, watch and resync; read by /healthz and /readyz. ``clock`` gives seconds."""

    def __init__(self, resync_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._resync_seconds = resync_seconds
        self._resynced: float | None = None
        self._written: dict[str, tuple[int, float]] = {}
        self._set_back: str | None = None
        self._seen = 0
        """Newest version that the watch has told of anything."""

    def wrote(self, uid: str, version: int) -> None:
        """A status was written: the watch should tell of it, unless it was faster."""
        if version > self._seen:
            self._written.setdefault(uid, (version, self._clock()))

    def saw(self, uid: str, version: int, *, gone: bool = False) -> None:
        """The watch told of the object at ``version``, or that it is gone."""
        self._seen = max(self._seen, version)
        wanted = self._written.get(uid)
        if wanted is not None and (gone or version >= wanted[0]):
            del self._written[uid]

    def resynced(self, known: Collection[str]) -> None:
        """A full listing went well; ``known`` are the uids of all that there is.

        The watch has missed the deletion of what is not among them: nothing will be told of it.
        """
        self._resynced = self._clock()
        self._written = {uid: write for uid, write in self._written.items() if uid in known}

    def set_back(self, why: str) -> None:
        """The API server has been restored: what this process knows is of no use any more."""
        self._set_back = why

    @property
    def echo_lag(self) -> float:
        """Seconds since the oldest write that the watch has not told of."""
        oldest = min((since for _, since in self._written.values()), default=None)
        return 0.0 if oldest is None else self._clock() - oldest

    @property
    def doubtful(self) -> bool:
        """Whether a listing should tell if the watch is silent, or has missed a deletion."""
        return self.echo_lag > MAX_ECHO_SECONDS / 2

    @property
    def ready(self) -> bool:
        """Whether every object has been listed once."""
        return self._resynced is not None

    def problem(self) -> str | None:
        """Why the process should be started anew; None: it should not."""
        if self._set_back is not None:
            return f"the API server was restored from a backup: {self._set_back}"
        if self.echo_lag > MAX_ECHO_SECONDS:
            return f"the watch has not told of a status written {self.echo_lag:.0f} s ago"
        if self._resynced is not None:
            silent = self._clock() - self._resynced
            if silent > MISSED_RESYNCS * self._resync_seconds:
                return f"the last full listing was {silent:.0f} s ago"
        return None
