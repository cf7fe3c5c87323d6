"""Between the API server and kopf: what of an object kopf could not read never reaches it.

Kopf decodes each page and each event of a watch whole, and ends with the first that it cannot.
It keeps objects, too, which are cut here to what the store keeps of them.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

import aiohttp

from retrain_operator.kube.client import PutAside
from retrain_operator.kube.decode import LEFT_OUT, TOO_DEEP, listing, loads, place_of
from retrain_operator.kube.objects import Kind
from retrain_operator.runtime.trim import trimmed

LARGE = 64 * 1024
"""Bytes of an event from which on it is cut."""
MANY = 400
"""Lists and maps in an event from which on it is cut: with fewer it is not nested deeply."""


def guarded(kinds: Mapping[str, Kind], put_aside: PutAside) -> type[aiohttp.ClientResponse]:
    """The class of responses for a session of kopf's; ``kinds`` by their plurals."""

    class Guarded(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            await super().start(connection)
            kind = kinds.get(self.url.name)
            if kind is not None and "watch" in self.url.query:
                events: Any = _Events(self.content, partial(_event, kind, put_aside))
                self.content = events
            return self

        async def json(self, **options: Any) -> Any:
            kind = kinds.get(self.url.name)
            if kind is None:
                return await super().json(**options)
            text = (await self.read()).decode()
            return listing(text, partial(trimmed, kind), partial(put_aside, kind))

    return Guarded


class _Events:
    """The body of a watch, a stream of whole lines of which each is told to ``change``."""

    def __init__(
        self, content: aiohttp.StreamReader, change: Callable[[bytes], bytes | None]
    ) -> None:
        self._content = content
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        begun: list[bytes] = []
        async for chunk in self._content.iter_chunked(size):
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                whole, begun = b"".join((*begun, line)), []
                if whole and (changed := self._change(whole)) is not None:
                    yield changed + b"\n"
            if rest:
                begun.append(rest)


def _event(kind: Kind, put_aside: PutAside, line: bytes) -> bytes | None:
    """``line`` as kopf can take it; None: it cannot."""
    if len(line) < LARGE and line.count(b"[") + line.count(b"{") < MANY:
        return line
    text = line.decode()
    try:
        event = json.loads(text)
    except RecursionError:
        event = loads(text)
        put_aside(kind, place_of(event["object"]), TOO_DEEP)
    if event["type"] in ("BOOKMARK", "ERROR"):
        return line
    try:
        event["object"] = trimmed(kind, event["object"])
    except Exception as error:
        put_aside(kind, place_of(event["object"]), f"{LEFT_OUT}: {type(error).__name__}: {error}")
        return None
    return json.dumps(event).encode()
