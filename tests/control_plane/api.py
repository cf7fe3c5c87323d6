"""The API server as an administrator uses it: plain dicts, any path, watches."""

import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp

from retrain_operator.kube.client import configuration
from retrain_operator.kube.objects import Kind, Object

JSON = "application/json"
MERGE = "application/merge-patch+json"
BUFFER = 2**22
"""Bytes of the longest line of a watch."""
TIMEOUT = aiohttp.ClientTimeout(total=60)
ENDLESS = aiohttp.ClientTimeout(total=None)

CRD = Kind("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition")
NAMESPACE = Kind("v1", "namespaces", "Namespace")
ACCOUNT = Kind("v1", "serviceaccounts", "ServiceAccount")
QUOTA = Kind("v1", "resourcequotas", "ResourceQuota")
LIMIT_RANGE = Kind("v1", "limitranges", "LimitRange")
SECRET = Kind("v1", "secrets", "Secret")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole")
CLUSTER_ROLE_BINDING = Kind(
    "rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding"
)
ROLE = Kind("rbac.authorization.k8s.io/v1", "roles", "Role")
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding")
ADMISSION = "admissionregistration.k8s.io/v1"
POLICY = Kind(ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy")
POLICY_BINDING = Kind(
    ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding"
)


class Answered(Exception):
    """The API server said no."""

    def __init__(self, what: str, code: int, message: str) -> None:
        super().__init__(f"{what}: {code}: {message}")
        self.code = code
        self.message = message


class Api:
    """For one event loop, and open within ``async with``."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    async def __aenter__(self) -> Self:
        access = await configuration(str(self._kubeconfig))
        self.anonymous = ssl.create_default_context(cafile=access.ssl_ca_cert)
        """To talk to the API server without being the administrator."""
        tls = ssl.create_default_context(cafile=access.ssl_ca_cert)
        if access.cert_file:
            tls.load_cert_chain(access.cert_file, access.key_file)
        self.server: str = access.host
        token = await access.get_api_key_with_prefix("BearerToken")
        headers = {"Authorization": token} if token else {}
        connector = aiohttp.TCPConnector(ssl=tls, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=headers, timeout=TIMEOUT, read_bufsize=BUFFER
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(
        self, method: str, path: str, body: Object | None = None, media: str = JSON
    ) -> Object:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": media}
        url = f"{self.server}/{path}"
        async with self._session.request(method, url, data=data, headers=headers) as answer:
            content = await answer.text()
            if answer.status >= 300:
                raise Answered(f"{method} {path}", answer.status, _message(content))
        found: Object = json.loads(content)
        return found

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        try:
            return await self.call("GET", kind.path(namespace, name))
        except Answered as no:
            if no.code == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str | None) -> list[Object]:
        found = await self.call("GET", kind.path(namespace))
        items: list[Object] = found["items"]
        return items

    async def create(self, kind: Kind, namespace: str | None, body: Object) -> Object:
        whole = {"apiVersion": kind.api_version, "kind": kind.name, **body}
        return await self.call("POST", kind.path(namespace), whole)

    async def ensure(self, kind: Kind, namespace: str | None, body: Object) -> None:
        """Create it unless it exists."""
        try:
            await self.create(kind, namespace, body)
        except Answered as no:
            if no.code != 409:
                raise

    async def patch(
        self, kind: Kind, namespace: str, name: str, body: Object, sub: str | None = None
    ) -> Object:
        return await self.call("PATCH", kind.path(namespace, name, sub), body, MERGE)

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, policy: str = "Background"
    ) -> None:
        await self.call("DELETE", kind.path(namespace, name), {"propagationPolicy": policy})

    async def watch(self, kind: Kind, version: str) -> AsyncIterator[Any]:
        """Events of every namespace, without end."""
        url = f"{self.server}/{kind.path(None)}"
        query = {"watch": "true", "resourceVersion": version}
        async with self._session.get(url, params=query, timeout=ENDLESS) as answer:
            async for line in answer.content:
                yield json.loads(line)


def _message(content: str) -> str:
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content[:500]
