"""An API server that has the CRDs of this repository."""

import subprocess
from collections.abc import Iterator

import pytest

from cluster.fixtures import Cluster
from crds.files import CRDS
from crds.server import Server


@pytest.fixture(scope="session")
def server(api_server: Cluster) -> Iterator[Server]:
    """A namespace of its own, in a cluster that serves both kinds."""
    kubectl = ["kubectl", "--kubeconfig", str(api_server.kubeconfig)]
    files = [argument for path in CRDS for argument in ("-f", str(path))]
    for command in (
        ["apply", "--server-side", "--force-conflicts", *files],
        ["wait", "--for=condition=Established", "--timeout=60s", *files],
    ):
        subprocess.run([*kubectl, *command], check=True, capture_output=True, text=True)
    server = Server(api_server.kubeconfig)
    server.wait_until_served()
    yield server
    server.remove_namespace()
