"""The output of the stages: DVC lets them inherit our descriptors, so those are led to a pipe."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MAX_LINE = 65536
"""What is longer is cut: it is no text for people, and would fill the memory."""


@contextmanager
def captured(receive: Callable[[str], None]) -> Iterator[None]:
    """Lead descriptors 1 and 2 to ``receive``, line by line, for as long as the body runs.

    Progress bars rewrite their line with carriage returns: only what stands at the end counts.
    Descriptor 0 is empty: a stage that asks would wait for an answer to what nobody can see.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    read_end, write_end = os.pipe()
    kept = {descriptor: _kept(descriptor) for descriptor in (0, 1, 2)}
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, descriptor in ((nothing, 0), (write_end, 1), (write_end, 2)):
        os.dup2(target, descriptor)
    os.close(write_end)
    if nothing > 2:
        os.close(nothing)
    reader = threading.Thread(target=_read, args=(read_end, receive), daemon=True)
    reader.start()
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for descriptor, copy in kept.items():
            os.dup2(copy, descriptor)
            os.close(copy)
        # A stage that left a daemon behind keeps the pipe open: do not wait for it for ever.
        reader.join(timeout=5)


def _kept(descriptor: int) -> int:
    """A copy of a descriptor; of one that is closed, as a service's standard input may be, none."""
    try:
        return os.dup(descriptor)
    except OSError:
        return os.open(os.devnull, os.O_RDWR)


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
