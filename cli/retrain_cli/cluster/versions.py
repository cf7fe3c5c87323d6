"""Every version of one object, by a watch that is taken up again whatever ends it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import urllib3.exceptions
from kubernetes.client import ApiException

from retrain_cli.cluster.client import CONNECT_SECONDS, NotFound, Object, Unreachable
from retrain_cli.cluster.streams import Streams

WATCH_SECONDS = 60
"""A watch that a proxy has silently dropped is found out after this long."""
GIVE_UP_SECONDS = 300.0
"""How long the API server may stay away."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


def versions(
    read: Callable[[], Object],
    listing: Callable[..., Any],
    streams: Streams,
    trouble: Callable[[str], None],
) -> Iterator[Object]:
    """The object as it is, then each change; ends when it is deleted, or replaced by another.

    ``read`` raises :class:`ClusterError`; ``listing`` takes what a list call takes; ``trouble`` is
    told when the API server goes away. When the streams are over, so is this.

    Raises:
        ClusterError: the object cannot be read, or the API server stays away.
    """
    uid: str | None = None
    pause = FIRST_PAUSE_SECONDS
    while not streams.over:
        try:
            seen = _patiently(read, streams, trouble)
        except NotFound:
            return
        uid = uid or seen["metadata"]["uid"]
        if seen["metadata"]["uid"] != uid:
            return
        yield seen
        began = time.monotonic()
        for change in _changes(seen, listing, streams):
            if change["type"] == "DELETED":
                return
            yield change["raw_object"]
        if time.monotonic() - began > WATCH_SECONDS / 2:
            pause = FIRST_PAUSE_SECONDS
        else:
            # It ended early, and might do so at once the next time.
            streams.pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _patiently(
    read: Callable[[], Object], streams: Streams, trouble: Callable[[str], None]
) -> Object:
    began = time.monotonic()
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return read()
        except Unreachable as error:
            if pause == FIRST_PAUSE_SECONDS:
                trouble(f"{error.message}; trying again")
            if streams.over or time.monotonic() - began > GIVE_UP_SECONDS:
                raise
            streams.pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _changes(seen: Object, listing: Callable[..., Any], streams: Streams) -> Iterator[Object]:
    """Until the watch ends, for whatever reason: the next read tells."""
    try:
        yield from streams.read(
            listing,
            field_selector=f"metadata.name={seen['metadata']['name']}",
            resource_version=seen["metadata"]["resourceVersion"],
            timeout_seconds=WATCH_SECONDS,
            _request_timeout=(CONNECT_SECONDS, WATCH_SECONDS + CONNECT_SECONDS),
        )
    except (ApiException, urllib3.exceptions.HTTPError):
        return
