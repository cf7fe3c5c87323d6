"""The cluster with Retrain on it, and teams that use it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from cluster.fixtures import Cluster
from cluster_runs.installed import install
from cluster_runs.kubectl import Kubectl
from cluster_runs.team import Stores, Team, make_team
from images.fixtures import build
from servers.fixtures import requirements
from servers.git_https import git_https_server
from servers.mlflow_server import mlflow_server
from servers.s3 import s3_server


@pytest.fixture(scope="session")
def stores(
    kubernetes_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    """The servers, at addresses that pods reach."""
    folder = tmp_path_factory.mktemp("stores")
    host = kubernetes_cluster.host_address
    git_root = folder / "git"
    with requirements(), ExitStack() as stack:
        git = stack.enter_context(git_https_server(folder, root=git_root, hosts=[host]))
        s3 = stack.enter_context(s3_server(folder))
        hosts = ["127.0.0.1:*", f"{host}:*", "mlflow.*.svc:*"]
        mlflow = stack.enter_context(mlflow_server(folder, allowed_hosts=hosts))
        ports = (git.port, _port(s3.endpoint), _port(mlflow.uri))
        exposed = [stack.enter_context(kubernetes_cluster.exposed(port)) for port in ports]
        addresses = [f"{host}:{port}" for port in exposed]
        yield Stores(git, git_root, addresses[0], s3, addresses[1], mlflow, addresses[2])


@pytest.fixture(scope="session")
def kubectl(kubernetes_cluster: Cluster) -> Kubectl:
    return Kubectl(kubernetes_cluster.kubeconfig)


@pytest.fixture(scope="session")
def retrain(
    kubernetes_cluster: Cluster, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Retrain on the cluster, by Helm: once for all processes of the test run."""
    with requirements():
        install(kubernetes_cluster, kubectl, lambda: build(tmp_path_factory.mktemp("images")))


@pytest.fixture
def make_a_team(retrain: None, kubectl: Kubectl, stores: Stores) -> Iterator[Callable[..., Team]]:
    made: list[Team] = []

    def make(files: dict[str, str] | None = None) -> Team:
        made.append(make_team(kubectl, stores, files))
        return made[-1]

    yield make
    for team in made:
        kubectl("delete", "namespace", team.name, "--wait=false")


@pytest.fixture
def team(make_a_team: Callable[..., Team]) -> Team:
    return make_a_team()


@pytest.fixture
def for_pods(kubernetes_cluster: Cluster) -> Iterator[Callable[[str], str]]:
    """Gives the URL at which pods reach what has this http URL here: a Prometheus, a proxy."""
    with ExitStack() as stack:

        def reached(url: str) -> str:
            with requirements():
                port = stack.enter_context(kubernetes_cluster.exposed(_port(url)))
            return f"http://{kubernetes_cluster.host_address}:{port}"

        yield reached


def _port(url: str) -> int:
    return int(url.rpartition(":")[2].rstrip("/"))
