"""Answers of the API server that go on, read by threads and ended from outside them."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from kubernetes import watch


class Streams:
    """All that one command reads at a time.

    They are ended before the interpreter is: taken down below a thread that is in the client's
    compiled parts, it would abort.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._open: set[watch.Watch] = set()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def read(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Iterator[Any]:
        """What the call goes on to answer: changes as dicts of a watch, or the lines of a log.

        Raises:
            ApiException, HTTPError: as the client does.
        """
        stream = watch.Watch()  # type: ignore[no-untyped-call]
        self._open.add(stream)
        try:
            if not self.over:
                yield from stream.stream(  # type: ignore[no-untyped-call]
                    call, *arguments, **options
                )
        finally:
            self._open.discard(stream)

    def pause(self, seconds: float) -> None:
        """Let that time pass, or less where it is over."""
        self._over.wait(seconds)

    def end(self) -> None:
        """May be called again: a stream that begins at this moment does not notice the first."""
        self._over.set()
        for stream in list(self._open):
            stream.stop()  # type: ignore[no-untyped-call]
