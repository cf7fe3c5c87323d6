"""Evidence within its share of the report."""

from collections.abc import Callable
from typing import Any

from retrain_core.evidence import Evidence, Unseen, size

Fits = Callable[[Any], bool]
"""Whether a kind of evidence, such as ReleaseEvidence, has room."""
MAX_MESSAGE = 300


def largest(most: int, holds: Callable[[int], bool]) -> int | None:
    """The largest number from 0 to ``most`` that ``holds``, as all smaller ones do; None: none."""
    if not holds(0):
        return None
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def unseen(trigger: str, about: str, reason: str, message: str, room: int) -> Evidence:
    """That a trigger could not be looked at, with as much of ``message`` as there is room for."""
    line = " ".join(message.split())[:MAX_MESSAGE]

    def told(count: int) -> Evidence:
        cut = line[:count]
        return Evidence(trigger=trigger, about=about, unseen=Unseen(reason=reason, message=cut))

    return told(largest(len(line), lambda count: size(told(count)) <= room) or 0)
