"""A control plane of its own, as its etcd is going to be replaced."""

import os
from collections.abc import Iterator

import pytest

from cluster.lifecycle import down, up
from cluster.local import LocalCluster
from control_plane.conftest import access, pytest_pyfunc_call, world
from servers.fixtures import requirements

__all__ = ["access", "pytest_pyfunc_call", "world"]


@pytest.fixture(scope="session")
def api_server() -> Iterator[LocalCluster]:
    name = f"test-{os.getpid()}-etcd"
    with requirements():
        cluster = up(name, control_plane_only=True, owner=os.getpid())
    yield cluster
    down(name)
