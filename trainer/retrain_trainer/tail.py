"""What a stage printed last, with the line that says why it failed, wherever that stands.

An exception's own line need not be among the last ones: its message may go on for pages of advice,
and what runs around it (a launcher, a progress bar) prints more after it.
"""

import re
from collections import deque

LINES = 20
MAX_LINE = 400
"""Of a shown line: what does not end it says little."""
MAX_SHORT = 1500
"""A text of more characters may be cut where it is passed on: what decides stands first then."""
RECENT = 200
"""Lines after which an exception is one that the stage has gone on from."""
CHAIN = 3
"""Exceptions that are kept: one that came of another, or a launcher's own."""
GOES_ON = 4
"""Lines of a message after its first that are kept."""

_TRACEBACK = re.compile(r"^(?P<before>.*?)(Exception Group )?Traceback \(most recent call last\)")
_FRAME = re.compile(r"^(\s|[│╭╰|+]|$)")
_BAR = re.compile(r"\d+%\s?\|.*\||\d+(\.\d+)?\s?(it|s|B)/(s|it)\b")
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Tail:
    """Given each line, in its order."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES)
        self._exceptions: deque[tuple[int, list[str]]] = deque(maxlen=CHAIN)
        """(number of its first line, its first lines)"""
        self._number = 0
        self._before: str | None = None
        """What stands before each line of the traceback that we are in."""
        self._message_goes_on = False

    def add(self, line: str) -> None:
        self._number += 1
        self._look(_COLOUR.sub("", line))
        if self._lines and _BAR.search(line) and _BAR.search(self._lines[-1]):
            self._lines.pop()
        self._lines.append(line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 3]}...")

    def text(self) -> str:
        """The last lines; before them the exceptions that are not among them."""
        lines = list(self._lines)
        first = self._number - LINES + 1
        recent = [(n, told) for n, told in self._exceptions if self._number - n < RECENT]
        text = "\n".join(lines)
        if len(text) <= MAX_SHORT and all(number >= first for number, _ in recent):
            return text
        # The newest first; a launcher repeats what its child has said.
        decisive = list(dict.fromkeys(line for _, told in reversed(recent) for line in told))
        return "\n".join([*decisive, "...", *lines]) if decisive else text

    def _look(self, line: str) -> None:
        if match := _TRACEBACK.match(line):
            before = match["before"]
            self._before = "" if "╭" in before else before.replace("+", "|")
            self._message_goes_on = False
        elif self._before is not None:
            self._look_at_traceback(line)
        elif self._message_goes_on:
            _, told = self._exceptions[-1]
            self._message_goes_on = (
                len(told) <= GOES_ON and bool(line.strip()) and not _BAR.search(line)
            )
            if self._message_goes_on:
                told.append(line[:MAX_LINE])

    def _look_at_traceback(self, line: str) -> None:
        assert self._before is not None
        rest = line.removeprefix(self._before)
        if _FRAME.match(rest):
            return
        self._before = None
        self._exceptions.append((self._number, [rest[:MAX_LINE]]))
        self._message_goes_on = True
