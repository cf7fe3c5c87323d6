"""How long a run waits for a server that is away: time, not tries.

A boundary to a server raises :class:`Away` where trying again may end otherwise, which it knows
from types and status codes; what it does then must bear to be done twice.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from retrain_core.outcome import Reason, RunFailed

FIRST_SECONDS = 1.0
"""Before the first further try; doubled before each other one."""
LONGEST_SECONDS = 30.0

Answer = TypeVar("Answer")


class Away(RunFailed):
    """A server refuses connections, is silent, answers 503, or asks to come back later."""

    given_up = False
    """Whether it was waited for already, for as long as the run may."""

    def give_up(self, waited: float | None) -> None:
        """It was waited for, ``waited`` seconds if at all, and that was all there is."""
        self.given_up = True
        if waited is not None:
            self.message = f"{self.message}; waited {waited:.0f} s for it"


class Odd(Away):
    """Where a server should be something answers, but not as that server does: a proxy without
    it, a host whose certificate is not trusted.

    A server that has answered this run before is away, and waited for. Of any other the address may
    be wrong: that is told at once, and another attempt may find it otherwise.
    """

    def __init__(
        self, reason: Reason, message: str, remedy: str | None = None, *, server: str
    ) -> None:
        """``reason``: for a server that is away; ``server``: as it is called in messages."""
        super().__init__(Reason.UNEXPECTED_ANSWER, message, remedy)
        self.server = server
        self._of_away = reason

    def give_up(self, waited: float | None) -> None:
        super().give_up(waited)
        self.reason = self._of_away


def _unheard(_text: str) -> None:
    pass


@dataclass
class Patience:
    """How long an outage may last; one wait at a time, in the main thread.

    A signal ends the wait: its handler raises.
    """

    seconds: float = 0.0
    tell: Callable[[str], None] = _unheard
    """Receives one line when a wait begins, and one when it is over."""
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    """A number from 0 to 1: how much of half the delay is left out."""
    waits: list[str] = field(default_factory=list, init=False)
    """What has been waited for, in words."""
    answered: set[str] = field(default_factory=set, init=False)
    """Servers that have answered this run as they should, as messages call them."""
    _until: float | None = field(default=None, init=False)
    """When the outage that is waited for has lasted too long."""

    def through(self, action: Callable[[], Answer]) -> Answer:
        """What ``action`` returns once nobody whom it asks is away; tried at least once.

        Actions may contain each other: those wait for one outage together.

        Raises:
            Away: for longer than is waited.
        """
        outermost = self._until is None
        began: float | None = None
        why = ""
        delay = FIRST_SECONDS
        try:
            while True:
                try:
                    answer = action()
                except Away as away:
                    if isinstance(away, Odd) and away.server not in self.answered:
                        raise
                    now = self.clock()
                    if self._until is None:
                        self._until = now + self.seconds
                    left = self._until - now
                    if away.given_up:
                        raise
                    if left <= 0:
                        away.give_up(None if began is None else now - began)
                        raise
                    if began is None:
                        began, why = now, away.message
                        self.tell(f"{away.message}; waiting for up to {left:.0f} s")
                    self.wait(min(delay * (1 - self.jitter() / 2), left))
                    delay = min(delay * 2, LONGEST_SECONDS)
                else:
                    if began is not None:
                        seconds = self.clock() - began
                        self.tell(f"it answers again, after {seconds:.0f} s")
                        self.waits.append(f"waited {seconds:.0f} s, as {why}")
                    return answer
        finally:
            if outermost:
                self._until = None
