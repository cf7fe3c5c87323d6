"""Our adapter of kopf, which sees a real API server through a proxy."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from control_plane.api import ACCOUNT, CLUSTER_ROLE_BINDING, NAMESPACE, Api
from control_plane.installed import crds
from control_plane.live import until
from control_plane.proxy import Proxy
from control_plane.world import Access, served, token
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, POD, TRAINING_RUN, Kind, Object
from retrain_operator.runtime import watch as adapter

CONTAINER = {"name": "main", "image": "nowhere.example/none"}
TEMPLATE = {
    "spec": {"restartPolicy": "Never", "schedulerName": "nobody", "containers": [CONTAINER]}
}
SOURCE = {"source": {"git": {"url": "https://git.example/iris.git"}}}


@dataclass
class Told:
    """What the adapter has told, and what went by on its way."""

    api: Api
    proxy: Proxy
    namespace: str
    told: list[tuple[Kind, Object, bool]] = field(default_factory=list)
    streamed: list[tuple[str, Any]] = field(default_factory=list)
    aside: list[tuple[str, str]] = field(default_factory=list)
    """What could not be told as it is: NAMESPACE/NAME, and why."""
    hidden: set[str] = field(default_factory=set)
    """Names of objects whose deletion the watch keeps to itself."""

    def hear(self, kind: Kind, item: Object, gone: bool) -> None:
        if objects.namespace(item) == self.namespace:
            self.told.append((kind, item, gone))

    def put_aside(self, kind: Kind, place: str, why: str) -> None:
        self.aside.append((place, why))

    def pass_on(self, resource: str, event: Any) -> bool:
        """Whether the proxy is to hide ``event``."""
        self.streamed.append((resource, event))
        name = event["object"]["metadata"].get("name")
        return event["type"] == "DELETED" and name in self.hidden

    def of(self, kind: Kind, name: str) -> list[tuple[Object, bool]]:
        every = ((item, gone) for found, item, gone in self.told if found is kind)
        return [(item, gone) for item, gone in every if objects.name(item) == name]

    async def hears(self, kind: Kind, name: str, *, gone: bool = False, times: int = 1) -> None:
        def heard() -> bool:
            return sum(was is gone for _, was in self.of(kind, name)) >= times

        await until(heard, f"{name} is told, gone: {gone}")

    async def create(self, kind: Kind, name: str, labels: dict[str, str], **body: Any) -> Object:
        metadata = {"name": name, "labels": labels}
        return await self.api.create(kind, self.namespace, {"metadata": metadata, **body})

    async def create_run(self, name: str) -> Object:
        return await self.create(TRAINING_RUN, name, {}, spec=SOURCE)

    async def create_job(self, name: str, labels: dict[str, str]) -> Object:
        return await self.create(JOB, name, labels, spec={"suspend": True, "template": TEMPLATE})

    async def create_pod(self, name: str, labels: dict[str, str]) -> Object:
        return await self.create(POD, name, labels, **TEMPLATE)


Test = Callable[[Told], Coroutine[Any, Any, None]]


async def through_a_proxy(test: Test, kubeconfig: Path, own: Path) -> None:
    """Run ``test`` in a namespace of its own; ``own`` becomes the kubeconfig that kopf reads."""
    async with Api(kubeconfig) as api:
        for crd in crds():
            await served(api, crd)
        namespace = f"t-{secrets.token_hex(5)}"
        await api.create(NAMESPACE, None, {"metadata": {"name": namespace}})
        proxy = Proxy(api)
        await proxy.start()
        own.write_text(
            yaml.safe_dump(_kubeconfig(proxy.port, await _token(api, kubeconfig, namespace)))
        )
        told = Told(api, proxy, namespace)
        proxy.hidden = told.pass_on
        try:
            await test(told)
        finally:
            await proxy.stop()
            await api.delete(CLUSTER_ROLE_BINDING, None, namespace)
            await api.delete(NAMESPACE, None, namespace)


async def _token(api: Api, kubeconfig: Path, namespace: str) -> str:
    """Of an account that may do everything: what kopf asks for is looked at, not refused."""
    access = Access(kubeconfig, None, namespace)
    await api.create(ACCOUNT, namespace, {"metadata": {"name": access.account}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"metadata": {"name": namespace}, "roleRef": role, "subjects": [access.subject]}
    await api.create(CLUSTER_ROLE_BINDING, None, binding)
    return await token(api, access)


def _kubeconfig(port: int, credential: str) -> Object:
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    user = {"name": "u", "user": {"token": credential}}
    return {
        "clusters": [cluster],
        "contexts": [context],
        "users": [user],
        "current-context": "c",
    }


@asynccontextmanager
async def watching(told: Told) -> AsyncIterator[asyncio.Event]:
    """The adapter at work; the flag that is given ends it, and so does the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(adapter.watch(told.hear, told.put_aside, [told.namespace], stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)
