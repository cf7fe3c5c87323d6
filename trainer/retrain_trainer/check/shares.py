"""Time for each look: one that hangs takes none of the others along."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

LEAST_SECONDS = 1.0
_AGAIN_SECONDS = 1.0
"""A library that waits for its own threads while it gives up is interrupted once more."""
_OF_TIMEOUT = 0.8
"""The rest is for images, imports and the report."""


class Overtime(BaseException):
    """A look took longer than its share. No Exception: libraries would take it for theirs."""


@dataclass
class Shares:
    """What is left of a check's time, to be shared by the looks that are still to come."""

    ends: float
    """Seconds since the epoch: another process goes on with them."""
    looks: int
    """How many are still to come."""

    @classmethod
    def of(cls, timeout: float, looks: int) -> "Shares":
        """``timeout``: seconds that all of the check may take."""
        return cls(time.time() + _OF_TIMEOUT * timeout, looks)

    def take(self) -> float:
        """Seconds for the next look."""
        seconds = (self.ends - time.time()) / max(self.looks, 1)
        self.looks -= 1
        return max(seconds, LEAST_SECONDS)


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Interrupts what takes longer; only in a process's main thread.

    Raises:
        Overtime: it did.
    """

    def interrupt(*_: Any) -> None:
        raise Overtime

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
    try:
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        # Once more: the timer may have gone off while it was stopped.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
