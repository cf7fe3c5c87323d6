"""Time for each look: one that hangs takes none of the others along."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

LEAST_SECONDS = 1.0
_AGAIN_SECONDS = 1.0
"""A library that waits for its own threads while it gives up is interrupted once more."""
_RESERVE_SECONDS = 30.0
"""For images, the start of the containers and the report; the Job's deadline counts them too."""
_IMPORTS = "<frozen importlib._bootstrap>"


class BudgetExceeded(BaseException):
    """A look took longer than its share. No Exception: libraries would take it for theirs."""


@dataclass
class TimeBudget:
    """What is left of a check's time, to be shared by the looks that are still to come."""

    ends: float
    """Seconds since the epoch: another process goes on with them."""
    looks: int
    """How many are still to come."""

    @classmethod
    def of(cls, timeout: float, looks: int) -> "TimeBudget":
        """``timeout``: seconds that all of the check may take."""
        reserve = max(timeout / 5, min(_RESERVE_SECONDS, timeout / 2))
        return cls(time.time() + timeout - reserve, looks)

    def take(self) -> float:
        """Seconds for the next look."""
        seconds = (self.ends - time.time()) / max(self.looks, 1)
        self.looks -= 1
        return max(seconds, LEAST_SECONDS)


@contextmanager
def limit(seconds: float | None) -> Iterator[None]:
    """Interrupts what takes longer; only in a process's main thread. None: nothing does.

    Raises:
        Overtime: it did, whatever came of it then: a library may have caught the interrupt.
    """
    if seconds is None:
        yield
        return
    interrupted = False

    def interrupt(_: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if not _imports(frame):
            interrupted = True
            raise BudgetExceeded

    before, outer = signal.signal(signal.SIGALRM, interrupt), (0.0, 0.0)
    began = time.monotonic()
    try:
        try:
            outer = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_SECONDS)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Exception:
        if not interrupted:
            raise
    finally:
        # Once more: the timer may have gone off while it was stopped.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer[0]:
            left = outer[0] - (time.monotonic() - began)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), outer[1])
    if interrupted:
        raise BudgetExceeded


def half_of_the_rest() -> float | None:
    """Half the seconds of the limit that holds now; None: there is none."""
    return signal.getitimer(signal.ITIMER_REAL)[0] / 2 or None


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported: half of one would break every look after this one."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            return True
        frame = frame.f_back
    return False
