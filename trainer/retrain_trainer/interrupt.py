"""SIGTERM and SIGINT end a run in good order: the stage's process tree first, then the steps.

DVC leaves a stage's children running when it is itself ended, so the tree is ended here; DVC
then sees the stage fail and releases its locks.
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
        self._stage_running = False

    def check(self) -> None:
        """Raise :class:`Interrupted` if the run was told to stop."""
        if self.requested:
            raise Interrupted

    @contextmanager
    def stage(self) -> Iterator[None]:
        """While a stage runs a signal ends its processes instead of this one's steps."""
        self.check()
        self._stage_running = True
        try:
            yield
        finally:
            self._stage_running = False
        self.check()

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        first = not self.requested
        self.requested = True
        if self._stage_running:
            end_children(force=not first)
        elif first:
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
