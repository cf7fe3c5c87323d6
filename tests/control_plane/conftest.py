"""The tests' own cluster set up; tests are coroutines, in a loop of their own."""

import asyncio
import inspect
import secrets
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from cluster.fixtures import Cluster
from cluster.local import LocalCluster
from control_plane import process
from control_plane.api import Api
from control_plane.installed import crds, rules
from control_plane.world import Access, World, make_account, remove_account, served


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    asyncio.run(_inside(pyfuncitem.obj, arguments))
    return True


async def _inside(test: Any, arguments: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        for value in arguments.values():
            if isinstance(value, World):
                await stack.enter_async_context(value)
        await test(**arguments)


@pytest.fixture(scope="session")
def access(api_server: Cluster) -> Iterator[Access]:
    """The CRDs installed, and an account with the rules of the manifests."""
    process.warm_up()
    found = Access(
        api_server.kubeconfig,
        api_server.audit_log,
        f"a-{secrets.token_hex(5)}",
        stays=not isinstance(api_server, LocalCluster),
    )
    asyncio.run(_prepare(found))
    yield found
    if found.stays:
        asyncio.run(_clean_up(found))


@pytest.fixture
def world(access: Access, tmp_path: Path) -> World:
    return World(access, tmp_path)


async def _prepare(access: Access) -> None:
    async with Api(access.kubeconfig) as api:
        for crd in crds():
            await served(api, crd)
        await make_account(api, access, rules())


async def _clean_up(access: Access) -> None:
    async with Api(access.kubeconfig) as api:
        await remove_account(api, access)
