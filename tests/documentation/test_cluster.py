"""The cluster parts of the quickstart, and of troubleshooting, typed on a cluster of their own.

They install and remove the operator and its CRDs, so that nobody else may use it.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from cluster.lifecycle import down, up
from cluster.local import LocalCluster
from documentation.page import Command, steps
from documentation.reader import SECONDS, Reader, served
from images.fixtures import Images
from install.demo import NAMESPACE, Demo, s3_server
from install.rendering import HELM
from servers.fixtures import requirements
from servers.process import free_port

pytestmark = pytest.mark.timeout(SECONDS)

KIND = [("quickstart.md", "On kind")]
OWN = [
    ("quickstart.md", "Install the operator"),
    ("troubleshooting.md", "Nothing happens"),
    ("quickstart.md", "Give a namespace its credentials"),
    ("quickstart.md", "Train"),
    ("troubleshooting.md", "Where to look"),
    ("quickstart.md", "See what a manifest becomes"),
    ("quickstart.md", "Stop a run"),
    ("quickstart.md", "From CI"),
    ("quickstart.md", "Take it away"),
]
MANIFEST = "iris.yaml"
CHART_IMAGES = (
    "--set image.registry=localhost --set image.repository=retrain-operator --set image.tag=test"
    " --set trainer.image.registry=localhost --set trainer.image.repository=retrain-trainer"
    " --set trainer.image.tag=test"
)


@dataclass(frozen=True)
class Place:
    """A cluster with our images, and an S3 server outside it."""

    cluster: LocalCluster
    s3_address: str
    """As pods reach it."""
    demo: Demo

    @property
    def environment(self) -> dict[str, str]:
        return {"KUBECONFIG": str(self.cluster.kubeconfig)}

    def adapted(self, overlay: str, *left_out: str) -> str:
        """A command that prints the overlay as this cluster can have it, but for some objects."""
        script = shlex.quote(str(Path(__file__).parent / "adapted.py"))
        names = " ".join(left_out)
        return f"kubectl kustomize {overlay} | {sys.executable} {script} {self.s3_address} {names}"


@pytest.fixture(scope="module")
def place(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    name = f"documentation-{os.getpid()}"
    demo = Demo()
    with requirements(), ExitStack() as stack:
        cluster = up(name, owner=os.getpid())
        stack.callback(down, name)
        for archive in (images.operator, images.trainer):
            cluster.load_image(archive)
        endpoint = stack.enter_context(s3_server(demo, tmp_path_factory.mktemp("s3")))
        port = stack.enter_context(cluster.exposed(int(endpoint.rpartition(":")[2])))
        yield Place(cluster, f"{cluster.host_address}:{port}", demo)


@pytest.fixture
def checkout(published: Path, tmp_path: Path) -> Path:
    """Where the commands are typed."""
    return Path(shutil.copytree(published, tmp_path / "retrain"))


def test_the_demo_on_kind_trains_twice(place: Place, checkout: Path, home: dict[str, str]) -> None:
    port = free_port()
    demo = place.adapted("manifests/overlays/demo")
    reader = Reader(
        checkout,
        home | place.environment,
        {
            "kind create cluster --name retrain": "kubectl get nodes",
            "kubectl apply -k manifests/overlays/demo": f"{demo} | kubectl apply -f -",
            "kubectl port-forward -n retrain-demo service/mlflow 5000": served(
                f"http://localhost:{port}/health",
                f"kubectl port-forward -n retrain-demo service/mlflow {port}:5000",
            ),
            "kind delete cluster --name retrain": f"{demo} | kubectl delete --wait -f -",
        },
    )
    told = "".join(reader.does(steps(*section)) for section in KIND)
    assert reader.unused() == set()
    assert "version 2 of iris is the champion" in told


def test_on_a_cluster_of_ones_own_it_is_installed_used_and_removed(
    place: Place, checkout: Path, home: dict[str, str]
) -> None:
    keys = place.demo.credentials()
    _write_manifest(checkout)
    reader = Reader(
        checkout,
        home | place.environment,
        {
            # What a company has: the servers of the demo.
            "https://mlflow.example.com": f"http://mlflow.{NAMESPACE}:5000",
            "https://s3.example.com": f"http://{place.s3_address}",
            "=key ": f"={keys['AWS_ACCESS_KEY_ID']} ",
            "=secret": f"={keys['AWS_SECRET_ACCESS_KEY']}",
            "helm install retrain charts/retrain": f"{HELM.binary()} install retrain"
            f" charts/retrain {CHART_IMAGES}",
            "helm uninstall": f"{HELM.binary()} uninstall",
            "examples/iris/trainingrun.yaml": MANIFEST,
        },
    )
    # Without its own training, which would be the first.
    company = place.adapted("manifests/overlays/demo/team", "Job/start-iris")
    reader.does([Command(f"{company} | kubectl apply -f -")])
    told = "".join(reader.does(steps(*section)) for section in OWN)
    assert reader.unused() == set()
    assert "version 1 of iris is the champion" in told
    assert "kind: Job" in told
    assert "trainingrun.retrain.dev/iris patched" in told
    assert (
        'customresourcedefinition.apiextensions.k8s.io "trainingruns.retrain.dev" deleted' in told
    )


def _write_manifest(checkout: Path) -> None:
    """The example's, with the repository where the demo serves it."""
    run = yaml.safe_load((checkout / "examples/iris/trainingrun.yaml").read_text())
    run["spec"]["source"]["git"] = {"url": f"http://git.{NAMESPACE}/iris.git"}
    (checkout / MANIFEST).write_text(yaml.safe_dump(run))
