"""What tests are made in: namespaces and operators that come and go with a test."""

import asyncio
import secrets
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from control_plane.api import (
    ACCOUNT,
    CLUSTER_ROLE,
    CRD,
    NAMESPACE,
    ROLE,
    ROLE_BINDING,
    Answered,
    Api,
)
from control_plane.audit import Entry, entries
from control_plane.installed import lease_rules
from control_plane.live import Live
from control_plane.operators import Operator
from control_plane.proxy import Proxy
from control_plane.space import Space
from retrain_core.spec import API_VERSION
from retrain_operator.kube.objects import Object

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True)
class Access:
    """What the tests of one process share."""

    kubeconfig: Path
    audit_log: Path | None
    namespace: str
    """Of the operators' ServiceAccount."""
    account: str = "operator"
    everywhere: bool = False
    """Whether the account has its rights in the whole cluster, and not namespace by namespace."""
    stays: bool = False
    """Whether the cluster outlives the tests, so that they have to clean up."""

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    @property
    def subject(self) -> Object:
        return {"kind": "ServiceAccount", "name": self.account, "namespace": self.namespace}


class World:
    """Namespaces and operators of one test, within ``async with``."""

    def __init__(self, access: Access, folder: Path) -> None:
        self.access = access
        self.folder = folder
        self._stack = AsyncExitStack()
        self.operators: list[Operator] = []
        self._namespaces: list[str] = []
        self.refused: set[str] = set()
        """Resources that the account has to do without, for a while."""

    async def __aenter__(self) -> Self:
        self.api = await self._stack.enter_async_context(Api(self.access.kubeconfig))
        self.live = await self._stack.enter_async_context(Live(self.api))
        self._token = await token(self.api, self.access)
        self.audit_from_now()
        return self

    def audit_from_now(self) -> None:
        """An API server that just started allows nobody anything until it has read its roles."""
        log = self.access.audit_log
        self._logged = log.stat().st_size if log else 0

    async def __aexit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if self.access.stays:
            for name in self._namespaces:
                await self.api.delete(NAMESPACE, None, name)
        for operator in self.operators:
            if failed:
                operator.tell()
            self._stack.push_async_callback(operator.proxy.stop)
            self._stack.callback(operator.close)
        await self._stack.aclose()
        audited = self.audited()
        started = any(operator.proxy.calls for operator in self.operators)
        assert audited or not started or self.access.audit_log is None
        for entry in audited:
            assert entry.allowed or entry.resource in self.refused, entry
            assert entry.resource != "secrets", entry

    async def space(self) -> Space:
        """A namespace in which the operators' account may do what the role says."""
        name = f"t-{secrets.token_hex(5)}"
        await self.api.create(NAMESPACE, None, {"metadata": {"name": name, "labels": RESTRICTED}})
        self._namespaces.append(name)
        if not self.access.everywhere:
            await grant(self.api, name, self.access)
        for _ in range(1500):
            # Pods are refused before their namespace has an account.
            if await self.api.get(ACCOUNT, name, "default") and await self._may(name):
                return Space(name, self.api, self.live)
            await asyncio.sleep(0.02)
        raise AssertionError(f"namespace {name} does not get ready")

    async def operator(self, *spaces: Space, **config: Any) -> Operator:
        """For these namespaces; not started yet."""
        proxy = Proxy(self.api)
        await proxy.start()
        folder = self.folder / f"operator-{len(self.operators)}"
        names = [space.name for space in spaces]
        operator = Operator(folder, proxy, self._token, names, **config)
        self.operators.append(operator)
        return operator

    def audited(self) -> list[Entry]:
        """What its operators asked for."""
        log = self.access.audit_log
        return entries(log, self.access.user, self._logged) if log else []

    async def settled_in(self, **config: Any) -> tuple[Space, Operator]:
        """A namespace and an operator that works there."""
        space = await self.space()
        operator = await self.operator(space, **config)
        await operator.started()
        return space, operator

    async def _may(self, namespace: str) -> bool:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": self.access.user,
                "resourceAttributes": {
                    "namespace": namespace,
                    "verb": "list",
                    "group": "batch",
                    "resource": "jobs",
                },
            },
        }
        path = "apis/authorization.k8s.io/v1/subjectaccessreviews"
        answer = await self.api.call("POST", path, body)
        return bool(answer["status"]["allowed"])


async def side_by_side(parts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Each with a namespace and an operator of its own: they mostly wait, for other processes."""
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)


async def token(api: Api, access: Access) -> str:
    path = f"{ACCOUNT.path(access.namespace, access.account)}/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600},
    }
    return str((await api.call("POST", path, body))["status"]["token"])


async def make_account(api: Api, access: Access, rules: list[Object]) -> None:
    """The account, and a role of the namespace's name to be bound where it may work."""
    named = {"metadata": {"name": access.namespace}}
    await api.create(NAMESPACE, None, named)
    await api.create(ACCOUNT, access.namespace, {"metadata": {"name": access.account}})
    await api.create(CLUSTER_ROLE, None, {**named, "rules": rules})


async def remove_account(api: Api, access: Access) -> None:
    await api.delete(CLUSTER_ROLE, None, access.namespace)
    await api.delete(NAMESPACE, None, access.namespace)


async def grant(api: Api, namespace: str, access: Access) -> None:
    """Bind the account to the operator's role in ``namespace``."""
    role = {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": access.namespace,
    }
    body = {"metadata": {"name": "operator"}, "roleRef": role, "subjects": [access.subject]}
    await api.create(ROLE_BINDING, namespace, body)


async def grant_lease(api: Api, namespace: str, access: Access) -> str:
    """Let the account contend for a Lease in ``namespace``; returns its NAMESPACE/NAME."""
    named = {"metadata": {"name": "operator-lease"}}
    await api.create(ROLE, namespace, {**named, "rules": lease_rules()})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator-lease"}
    body = {**named, "roleRef": role, "subjects": [access.subject]}
    await api.create(ROLE_BINDING, namespace, body)
    (name,) = (name for rule in lease_rules() for name in rule.get("resourceNames", ()))
    return f"{namespace}/{name}"


async def served(api: Api, crd: Object) -> None:
    """Install the CRD and wait until its objects are served."""
    await api.ensure(CRD, None, crd)
    for _ in range(1500):
        try:
            await api.call("GET", f"apis/{API_VERSION}/{crd['spec']['names']['plural']}")
        except Answered as no:
            # Unknown yet, or known and its storage not there yet.
            if no.code not in (404, 429):
                raise
        else:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the CRD is not served")
