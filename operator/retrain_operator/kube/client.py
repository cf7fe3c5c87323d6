"""The client: the official library's transport and credentials, our own few verbs.

Its models are left out: decoding them costs more than everything else the operator does.
"""

import math
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import load_incluster_config, load_kube_config

from retrain_operator.kube import objects
from retrain_operator.kube.decode import Take, listing, loads
from retrain_operator.kube.errors import Expired, NotFound, NotLeading, Unavailable, error_of
from retrain_operator.kube.objects import Kind, Object

FIELD_MANAGER = "retrain-operator"
PAGE = 20
"""Objects in a page of a listing: each may have 1.5 MiB, and all of a page are held at once."""
SECONDS = 30.0
"""That a request may take."""
CONNECTIONS = 32

Observe = Callable[[str, Kind, int, float], None]
"""Told verb, kind, status code (0: no answer) and seconds of each request."""
PutAside = Callable[[Kind, str, str], None]
"""Told kind and NAMESPACE/NAME of an object that could not be taken as it is, and why."""
SecondsLeft = Callable[[], float]
"""Seconds that a write may take from now on; 0: none may begin."""


@dataclass(frozen=True)
class Page:
    items: list[Object]
    version: int
    """Resource version of the listing."""


async def configuration(kubeconfig: str | None = None) -> Configuration:
    """Where the API server is and who we are: the pod's service account, else a kubeconfig."""
    found: Configuration = type.__call__(Configuration)
    if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        load_incluster_config(found)  # type: ignore[no-untyped-call]
    else:
        await load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, client_configuration=found
        )
    found.connection_pool_maxsize = CONNECTIONS
    return found


class KubeClient:
    """Few verbs over plain dicts. Every method raises the errors of ``kube.errors``.

    What changes or removes an object names the version that it was decided on, so that it is a
    Conflict if the object has changed since, however late it comes.
    """

    def __init__(
        self,
        config: Configuration,
        put_aside: PutAside,
        observe: Observe | None = None,
        seconds_left: SecondsLeft = lambda: math.inf,
    ) -> None:
        self._config = config
        self._rest = RESTClientObject(config)
        self._put_aside = put_aside
        self._observe = observe
        self._seconds_left = seconds_left

    async def close(self) -> None:
        await self._rest.close()

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object as it is now; None where there is none."""
        try:
            return await self._call("get", kind, kind.path(namespace, name))
        except NotFound:
            return None

    async def served(self, kind: Kind) -> bool:
        """Whether the API server knows ``kind``."""
        try:
            found = await self._call("get", kind, f"apis/{kind.api_version}")
        except NotFound:
            return False
        return any(resource["name"] == kind.plural for resource in found["resources"])

    async def list(
        self,
        kind: Kind,
        namespace: str | None,
        take: Take = lambda item: item,
        *,
        labels: str = "",
        fields: str = "",
    ) -> AsyncIterator[Page]:
        """Pages of all objects of ``kind``, of each what ``take`` keeps.

        All show one moment, unless the listing takes longer than the API server keeps that: then
        the further ones are of later versions.
        """
        query = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields}
        aside = partial(self._put_aside, kind)
        while True:
            try:
                found = await self._call(
                    *("list", kind, kind.path(namespace)),
                    query=query,
                    decode=lambda text: listing(text, take, aside),
                )
            except Expired as error:
                if error.token is None or error.token == query.get("continue"):
                    raise
                query["continue"] = error.token
                continue
            metadata = found["metadata"]
            yield Page(found["items"], int(metadata["resourceVersion"]))
            if not metadata.get("continue"):
                return
            query["continue"] = metadata["continue"]

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        return await self._call("create", kind, kind.path(namespace), body=body)

    async def patch(self, kind: Kind, item: Object, change: Object) -> Object:
        """Merge ``change`` into ``item``; returns the object as it is then."""
        body = {**change, "metadata": {**change.get("metadata", {}), **_exactly(item)}}
        path = kind.path(*objects.place(item))
        return await self._call("patch", kind, path, body=body, media="merge-patch+json")

    async def apply_status(self, kind: Kind, item: Object, status: Object) -> Object:
        """Make ``status`` what we say about ``item``: what we said before and is not in it goes."""
        body = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {"name": objects.name(item), **_exactly(item)},
            "status": status,
        }
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        path = kind.path(*objects.place(item), "status")
        return await self._call(
            "patch", kind, path, body=body, query=query, media="apply-patch+yaml"
        )

    async def delete(self, kind: Kind, item: Object, *, orphan: bool = False) -> bool:
        """Delete ``item``, after what it owns or without it; False: it is not there."""
        policy = "Orphan" if orphan else "Foreground"
        body = {"preconditions": _exactly(item), "propagationPolicy": policy}
        try:
            await self._call("delete", kind, kind.path(*objects.place(item)), body=body)
        except NotFound:
            return False
        return True

    async def _call(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        body: Object | None = None,
        query: dict[str, str] | None = None,
        media: str = "json",
        decode: Callable[[str], Object] = loads,
    ) -> Object:
        method = _METHODS[verb]
        message = urlencode({key: value for key, value in (query or {}).items() if value})
        url = f"{self._config.host}/{path}" + (f"?{message}" if message else "")
        began = time.monotonic()
        code = 0
        try:
            headers = {"Content-Type": f"application/{media}", "Accept": "application/json"}
            token = await self._config.get_api_key_with_prefix("BearerToken")
            if token:
                headers["Authorization"] = token
            answer = await self._rest.request(  # type: ignore[no-untyped-call]
                *(method, url),
                headers=headers,
                body=body,
                _request_timeout=aiohttp.ClientTimeout(self._seconds(verb, path), sock_connect=10),
            )
            content = await answer.read()
            code = answer.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{verb} {path}", 0, type(error).__name__, str(error)) from error
        finally:
            if self._observe is not None:
                self._observe(verb, kind, code, time.monotonic() - began)
        if code >= 300:
            raise error_of(f"{verb} {path}", code, content, answer.headers)
        try:
            return decode(content.decode())
        except ValueError as error:
            raise Unavailable(f"{verb} {path}", code, "NoJSON", str(error)) from error

    def _seconds(self, verb: str, path: str) -> float:
        """That the request may take. Raises NotLeading."""
        if _METHODS[verb] == "GET":
            return SECONDS
        left = self._seconds_left()
        if left <= 0:
            raise NotLeading(f"{verb} {path}", 0, "NotLeading", "another operator may act")
        return min(left, SECONDS)


def _exactly(item: Object) -> Object:
    """What of the metadata of ``item`` names this version of it."""
    return {"uid": objects.uid(item), "resourceVersion": item["metadata"]["resourceVersion"]}


_METHODS = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "patch": "PATCH",
    "delete": "DELETE",
}
