"""A cluster of its own, as its node is going to be lost."""

import os
from collections.abc import Iterator

import pytest

from cluster.lifecycle import down, up
from cluster.local import LocalCluster
from cluster_runs.conftest import kubectl, make_a_team, retrain, stores, team
from servers.fixtures import requirements

__all__ = ["kubectl", "make_a_team", "retrain", "stores", "team"]


@pytest.fixture(scope="session")
def kubernetes_cluster() -> Iterator[LocalCluster]:
    name = f"test-{os.getpid()}-lost"
    with requirements():
        cluster = up(name, owner=os.getpid())
    yield cluster
    down(name)
