"""A pytest plugin: the cluster that RETRAIN_TEST_CLUSTER names, for all of a run's processes.

local         this machine's own (the default), made for the run and gone with it
local:NAME    one that `python -m cluster up --name NAME` started, and that stays
kind          made by kind for the run
context:NAME  a context of the kubeconfig
"""

import os
from typing import TypeAlias

import pytest

from cluster.borrowed import (
    BorrowedCluster,
    context_cluster,
    kind_cluster,
    remove_kind_cluster,
)
from cluster.lifecycle import attach, down, up
from cluster.local import LocalCluster
from servers.binaries import MissingRequirement
from servers.fixtures import requirements

Cluster: TypeAlias = LocalCluster | BorrowedCluster


@pytest.fixture(scope="session")
def api_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """At least a control plane: no pod need ever run there."""
    with requirements():
        return _cluster(pytestconfig, tmp_path_factory, control_plane_only=True)


@pytest.fixture(scope="session")
def kubernetes_cluster(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Cluster:
    """A whole cluster, with a node that runs pods."""
    with requirements():
        return _cluster(pytestconfig, tmp_path_factory, control_plane_only=False)


def pytest_unconfigure(config: pytest.Config) -> None:
    """A run that is killed before this takes its own clusters along all the same."""
    if _is_worker(config):
        return
    for control_plane_only in (True, False):
        down(_name(config, control_plane_only))
    if _wanted() == ("kind", ""):
        remove_kind_cluster(_name(config, False))


def _cluster(
    config: pytest.Config, folders: pytest.TempPathFactory, *, control_plane_only: bool
) -> Cluster:
    match _wanted():
        case ("local", ""):
            own_name = _name(config, control_plane_only)
            return up(own_name, control_plane_only=control_plane_only, owner=_owner(config))
        case ("local", name):
            return _attached(name)
        case ("kind", ""):
            return kind_cluster(_name(config, False), folders.mktemp("kind"))
        case ("context", name) if name:
            return context_cluster(name, folders.mktemp("context"))
        case other:
            raise pytest.UsageError(f"RETRAIN_TEST_CLUSTER={':'.join(other)} is none of\n{__doc__}")


def _wanted() -> tuple[str, str]:
    kind, _, name = os.environ.get("RETRAIN_TEST_CLUSTER", "local").partition(":")
    return kind, name


def _attached(name: str) -> LocalCluster:
    cluster = attach(name)
    if cluster is None:
        raise MissingRequirement(f"cluster {name}", "not up")
    return cluster


def _name(config: pytest.Config, control_plane_only: bool) -> str:
    return f"test-{_owner(config)}{'-api' if control_plane_only else ''}"


def _owner(config: pytest.Config) -> int:
    """The process of the whole run: xdist's workers are its children."""
    return os.getppid() if _is_worker(config) else os.getpid()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
