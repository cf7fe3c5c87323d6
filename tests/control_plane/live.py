"""What a watch tells of the cluster, and waiting for it to be as wanted."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Self, TypeVar

from control_plane.api import Api
from retrain_operator.kube import objects
from retrain_operator.kube.objects import Kind, Object
from retrain_operator.runtime.cache import KINDS

T = TypeVar("T")
SECONDS = 60.0


async def until(condition: Callable[[], T | None], what: str, seconds: float = SECONDS) -> T:
    """What ``condition`` gives once that is something."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not (found := condition()):
        assert asyncio.get_running_loop().time() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.02)
    return found


class Live:
    """The objects of the whole cluster as last told, within ``async with``."""

    KINDS = KINDS

    def __init__(self, api: Api) -> None:
        self._api = api
        self._objects: dict[Kind, dict[tuple[str, str], Object]] = {kind: {} for kind in self.KINDS}
        self._told = dict.fromkeys(self.KINDS, 0)
        """Version of the last event of each kind."""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        for kind in self.KINDS:
            listed = await self._api.call("GET", kind.path(None))
            for item in listed["items"]:
                self._put(kind, item)
            version = listed["metadata"]["resourceVersion"]
            self._told[kind] = int(version)
            task = group.create_task(self._follow(kind, version))
            self._stack.callback(task.cancel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Be told nothing more: before the API server ends, which no watch outlives."""
        await self._stack.aclose()

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._objects[kind].get((namespace, name))

    def all(self, kind: Kind, namespace: str) -> list[Object]:
        return [item for (place, _), item in self._objects[kind].items() if place == namespace]

    async def catch_up(self, namespace: str) -> None:
        """Wait until all kinds are told as of now: the watch of one may lag behind another's."""

        async def one(kind: Kind) -> None:
            now = await self._api.call("GET", kind.path(namespace))
            await until(partial(self._is_as_new, kind, namespace, now), f"{kind.plural} catch up")

        await asyncio.gather(*map(one, self.KINDS))

    def _is_as_new(self, kind: Kind, namespace: str, listed: Object) -> bool:
        """Whether the watch has told all up to ``listed``; what it tells, it tells in order."""
        newest = max(map(_version, listed["items"]), default=0)
        there = {objects.name(item) for item in listed["items"]}
        gone = (item for item in self.all(kind, namespace) if objects.name(item) not in there)
        return self._told[kind] >= newest and all(_version(i) > _version(listed) for i in gone)

    async def _follow(self, kind: Kind, version: str) -> None:
        async for event in self._api.watch(kind, version):
            item = event["object"]
            self._told[kind] = _version(item)
            if event["type"] == "DELETED":
                self._objects[kind].pop((objects.namespace(item), objects.name(item)), None)
            elif event["type"] in ("ADDED", "MODIFIED"):
                self._put(kind, item)
            else:
                raise AssertionError(f"the watch of {kind.plural} broke: {event}")
        raise AssertionError(f"the watch of {kind.plural} ended")

    def _put(self, kind: Kind, item: Object) -> None:
        item["metadata"].pop("managedFields", None)
        self._objects[kind][objects.namespace(item), objects.name(item)] = item


def _version(item: Object) -> int:
    return int(item["metadata"]["resourceVersion"])
