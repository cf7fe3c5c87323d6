"""The cluster parts of the quickstart, and of troubleshooting, typed on a cluster of their own.

They install and remove the operator and its CRDs, so that nobody else may use it. It has no way
out: the demo must bring all that it needs.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.lifecycle import down, up
from cluster.local import LocalCluster
from documentation.page import Command, Step, steps
from documentation.reader import SECONDS, Reader, served
from images.fixtures import Images
from install.demo import NAMESPACE, Demo
from install.lua import health
from install.program_image import write_program_image
from install.rendering import HELM, MANIFESTS, kubectl
from servers.binaries import cache_folder, versitygw_binary
from servers.fixtures import requirements
from servers.process import free_port

KIND = [("quickstart.md", "On kind")]
OWN = [
    ("quickstart.md", "Install the operator"),
    ("troubleshooting.md", "Nothing happens"),
    ("quickstart.md", "Give a namespace its credentials"),
    ("quickstart.md", "Train"),
    ("troubleshooting.md", "Where to look"),
    ("quickstart.md", "Preview the generated Job"),
    ("quickstart.md", "Stop a run"),
    ("quickstart.md", "From CI"),
    ("quickstart.md", "Uninstall"),
]
MANIFEST = "iris.yaml"
HEALTH = MANIFESTS / "argocd/resource_customizations/retrain.dev/TrainingRun/health.lua"
GATEWAY = "localhost/versitygw:test"


@pytest.fixture
def cluster(images: Images, tmp_path: Path) -> Iterator[LocalCluster]:
    """An empty one, with the image that it would pull elsewhere.

    Those of ours are built by now: `make kind-load` takes them from the cache.
    """
    name = f"documentation-{os.getpid()}"
    with requirements(), ExitStack() as stack:
        program = versitygw_binary()
        cluster = up(name, owner=os.getpid())
        stack.callback(down, name)
        gateway = write_program_image(tmp_path / "s3.tar", GATEWAY, program, "versitygw")
        cluster.load_image(gateway)
        yield cluster


@pytest.fixture
def checkout(published: Path, tmp_path: Path) -> Path:
    """Where the commands are typed."""
    return Path(shutil.copytree(published, tmp_path / "retrain"))


@pytest.mark.timeout(SECONDS)
def test_the_demo_trains_twice_and_after_it_retrain_is_installed_used_and_removed(
    cluster: LocalCluster, checkout: Path, home: dict[str, str], tmp_path: Path
) -> None:
    """One after the other: a second cluster would cost as much as the commands."""
    environment = home | {"KUBECONFIG": str(cluster.kubeconfig)}
    loading = {
        "PATH": f"{like_kind(cluster, tmp_path / 'bin')}:{home['PATH']}",
        "RETRAIN_CACHE": str(cache_folder()),
    }
    on_kind(cluster, checkout, environment | loading)
    on_ones_own(checkout, environment)


def like_kind(cluster: LocalCluster, folder: Path) -> Path:
    """A folder with a `kind` that loads archives into ``cluster``, whatever name it is given."""
    folder.mkdir()
    script = folder / "kind"
    load = shlex.join([sys.executable, "-m", "cluster", "load", "--name", cluster.facts.name])
    script.write_text(
        '#!/bin/sh -e\n[ "$1 $2 $3" = "load image-archive --name" ]\nshift 4\n'
        f'PYTHONPATH={shlex.quote(str(Path(__file__).parents[1]))} exec {load} "$@"\n'
    )
    script.chmod(0o755)
    return folder


def on_kind(cluster: LocalCluster, checkout: Path, environment: Mapping[str, str]) -> None:
    port = free_port()
    demo = adapted("manifests/overlays/demo")
    reader = Reader(
        checkout,
        environment,
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
    *trains, ends = [step for section in KIND for step in steps(*section)]
    told = reader.does(trains)
    assert "version 2 of iris is the champion" in told
    first_run_tells(cluster)
    reader.does([ends])
    assert reader.unused() == set()


def first_run_tells(cluster: LocalCluster) -> None:
    get = ("get", "trainingrun/iris", "-n", NAMESPACE, "-o", "yaml")
    found = kubectl(*get, kubeconfig=cluster.kubeconfig)
    run: dict[str, Any] = yaml.safe_load(found.stdout)
    status = run["status"]
    assert health(HEALTH, run)["status"] == "Healthy", status
    (succeeded,) = [c for c in status["conditions"] if c["type"] == "Succeeded"]
    assert succeeded["reason"] == "Trained"
    model = status["model"]
    assert (model["name"], model["version"], model["promoted"]) == ("iris", "1", True)
    assert len(status["commit"]) == 40
    assert status["mlflow"]["url"].startswith("http://mlflow:5000/#/experiments/")


def on_ones_own(checkout: Path, environment: Mapping[str, str]) -> None:
    keys = Demo().credentials()
    write_manifest(checkout)
    reader = Reader(
        checkout,
        environment,
        {
            # What a company has: the servers of the demo.
            "https://mlflow.example.com": f"http://mlflow.{NAMESPACE}:5000",
            "https://s3.example.com": f"http://s3.{NAMESPACE}:7070",
            "=key ": f"={keys['AWS_ACCESS_KEY_ID']} ",
            "=secret": f"={keys['AWS_SECRET_ACCESS_KEY']}",
            "helm install": f"{HELM.binary()} install",
            "helm uninstall": f"{HELM.binary()} uninstall",
            "examples/iris/trainingrun.yaml": MANIFEST,
        },
    )
    # Without its own training, which would be the first.
    company = adapted("manifests/overlays/demo/team", "Job/start-iris")
    reader.does([Command(f"{company} | kubectl apply -f -")])
    own: list[Step] = [step for section in OWN for step in steps(*section)]
    told = reader.does(own)
    assert reader.unused() == set()
    assert "version 1 of iris is the champion" in told
    assert "kind: Job" in told
    assert "trainingrun.retrain.dev/iris patched" in told
    assert (
        'customresourcedefinition.apiextensions.k8s.io "trainingruns.retrain.dev" deleted' in told
    )


def adapted(overlay: str, *left_out: str) -> str:
    """A command that prints the overlay with the images that the cluster has."""
    script = shlex.quote(str(Path(__file__).parent / "adapted.py"))
    names = " ".join(left_out)
    return f"kubectl kustomize {overlay} | {sys.executable} {script} {names}"


def write_manifest(checkout: Path) -> None:
    """The example's, with the repository where the demo serves it."""
    run = yaml.safe_load((checkout / "examples/iris/trainingrun.yaml").read_text())
    run["spec"]["source"]["git"] = {"url": f"http://git.{NAMESPACE}/iris.git"}
    (checkout / MANIFEST).write_text(yaml.safe_dump(run))
