"""An event loop whose time jumps to whatever is due next, so that nobody waits for it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
HOUR = 3600.0


class _Jumping(selectors.DefaultSelector):
    """Where the loop would sleep, its clock goes on by as much."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits, and nothing is due"
        self.elapsed += max(timeout, 0)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.elapsed


def run(work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns, in no time; TimeoutError if it takes an hour of the loop's."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(asyncio.wait_for(work, HOUR))


def now() -> float:
    return asyncio.get_running_loop().time()
