"""The output of the stages: DVC lets them inherit our descriptors, so those are led to a pipe."""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TAIL_LINES = 20
MAX_LINE = 65536
"""What is longer is cut: it is no text for people, and would fill the memory."""


class Tail:
    """The last lines that went through."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)

    def add(self, line: str) -> None:
        self._lines.append(line)

    def clear(self) -> None:
        self._lines.clear()

    def text(self) -> str:
        return "\n".join(self._lines)


@contextmanager
def captured(receive: Callable[[str], None]) -> Iterator[None]:
    """Lead descriptors 1 and 2 to ``receive``, line by line, for as long as the body runs.

    Progress bars rewrite their line with carriage returns: only what stands at the end counts.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    kept = os.dup(1), os.dup(2)
    os.dup2(write_end, 1)
    os.dup2(write_end, 2)
    os.close(write_end)
    reader = threading.Thread(target=_read, args=(read_end, receive), daemon=True)
    reader.start()
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for descriptor in kept:
            os.close(descriptor)
        # A stage that left a daemon behind keeps the pipe open: do not wait for it for ever.
        reader.join(timeout=5)


def _read(read_end: int, receive: Callable[[str], None]) -> None:
    with open(read_end, encoding="utf-8", errors="replace", newline="\n") as stream:
        line = ""
        while part := stream.readline(MAX_LINE):
            if part.endswith("\n"):
                receive((line + part).rstrip("\r\n").rsplit("\r", 1)[-1][:MAX_LINE])
                line = ""
            else:
                line = (line + part).rsplit("\r", 1)[-1][:MAX_LINE]
        if line:
            receive(line)
