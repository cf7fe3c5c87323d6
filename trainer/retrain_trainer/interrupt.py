"""SIGTERM and SIGINT end a run in good order: the stage's process tree first, then the steps.

DVC leaves a stage's children running when it is itself ended, so the tree is ended here. Nothing
may then look at how the stage ended: it could take what was half written for its outputs.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

GRACE_SECONDS = 10.0
"""How long a stage may take to end after SIGTERM; a pod has 30 s in all by default."""


class Interrupted(BaseException):
    """The run was told to stop. Not an Exception: nobody may go on after it by accident."""


class Interruption:
    """Whether the run was told to stop, and what to do then."""

    def __init__(self) -> None:
        self.requested = False
        self._over = False

    def check(self) -> None:
        """Raise :class:`Interrupted` if the run was told to stop."""
        if self.requested:
            raise Interrupted

    def over(self) -> None:
        """How the run ended is decided: a signal from now on does not change it."""
        self._over = True

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if self._over:
            return
        first = not self.requested
        self.requested = True
        end_children(force=not first)
        if first:
            raise Interrupted

    @contextmanager
    def handled(self) -> Iterator["Interruption"]:
        """Handle SIGTERM and SIGINT in the body; the main thread only."""
        kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in kept:
            signal.signal(number, self._handle)
        try:
            yield self
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)


def end_children(*, force: bool = False) -> None:
    """End every process below this one: asked first, killed after ``GRACE_SECONDS``."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        _quietly(child.kill if force else child.terminate)
    _, alive = psutil.wait_procs(children, timeout=GRACE_SECONDS)
    for child in alive:
        _quietly(child.kill)


def _quietly(end: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        end()
