"""One `kubectl apply -k` ends in a trained model, on a cluster without a way out."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.lifecycle import down, up
from cluster.local import LocalCluster
from images.fixtures import Images
from install.demo import NAMESPACE, OVERLAY
from install.lua import health
from install.program_image import write_program_image
from install.rendering import MANIFESTS, kubectl
from servers.binaries import versitygw_binary
from servers.fixtures import requirements

OURS = "ghcr.io/retrain-dev/retrain-"
GATEWAY = "localhost/versitygw:test"
SECONDS = 900


@pytest.fixture
def loaded(images: Images, tmp_path: Path) -> Iterator[LocalCluster]:
    """An empty cluster, with the images that it would pull elsewhere."""
    name = f"demo-{os.getpid()}"
    with requirements():
        program = versitygw_binary()
        cluster = up(name, owner=os.getpid())
    archive = write_program_image(tmp_path / "versitygw.tar", GATEWAY, program, "versitygw")
    for each in (images.operator, images.trainer, archive):
        cluster.load_image(each)
    yield cluster
    down(name)


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """The demo as it stands, but for where its images come from."""
    folder = tmp_path / "overlay"
    folder.mkdir()
    config = yaml.safe_load((MANIFESTS / "base" / "config.yaml").read_text())
    config |= {"trainerImage": "localhost/retrain-trainer:test"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    local = {
        f"{OURS}operator": "localhost/retrain-operator",
        f"{OURS}trainer": "localhost/retrain-trainer",
        "ghcr.io/versity/versitygw": GATEWAY.partition(":")[0],
    }
    kustomization = {
        "resources": [os.path.relpath(OVERLAY, folder)],
        "images": [
            {"name": name, "newName": other, "newTag": "test"} for name, other in local.items()
        ],
        "configMapGenerator": [
            {
                "name": "retrain-operator-config",
                "namespace": "retrain-system",
                "behavior": "merge",
                "files": ["config.yaml"],
            }
        ],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return folder


@pytest.mark.timeout(2 * SECONDS)
def test_an_empty_cluster_trains_iris_after_one_command(
    loaded: LocalCluster, overlay: Path
) -> None:
    def kube(*arguments: str) -> str:
        done = kubectl(*arguments, kubeconfig=loaded.kubeconfig)
        assert done.returncode == 0, done.stdout + done.stderr + diagnosis(loaded)
        return done.stdout

    kube("apply", "-k", str(overlay))
    wait = ("wait", "-n", NAMESPACE, f"--timeout={SECONDS}s")
    kube(*wait, "--for=condition=Complete", "job/start-iris")
    kube(*wait, "--for=jsonpath={.status.completionTime}", "trainingrun/iris")

    run: dict[str, Any] = yaml.safe_load(
        kube("get", "trainingrun/iris", "-n", NAMESPACE, "-o", "yaml")
    )
    check = MANIFESTS / "argocd/resource_customizations/retrain.dev/TrainingRun/health.lua"
    assert health(check, run)["status"] == "Healthy", run["status"]
    (succeeded,) = [c for c in run["status"]["conditions"] if c["type"] == "Succeeded"]
    assert succeeded["reason"] == "Trained"
    model = run["status"]["model"]
    assert (model["name"], model["version"], model["promoted"]) == ("iris", "1", True)
    assert len(run["status"]["commit"]) == 40
    assert run["status"]["mlflow"]["url"].startswith("http://mlflow:5000/#/experiments/")
    for namespace in (NAMESPACE, "retrain-system"):
        kube("delete", "namespace", namespace, "--timeout=120s")


def diagnosis(cluster: LocalCluster) -> str:
    """What the cluster has to say."""
    asked = (
        ("get", "pods", "-A", "-o", "wide"),
        ("get", "trainingruns", "-n", NAMESPACE, "-o", "yaml"),
        ("get", "events", "-n", NAMESPACE),
        ("logs", "-n", NAMESPACE, "job/start-iris", "--tail=20"),
        ("logs", "-n", "retrain-system", "deployment/retrain-operator", "--tail=50"),
    )
    answers = [kubectl(*each, kubeconfig=cluster.kubeconfig) for each in asked]
    return "".join(f"\n{' '.join(a.args[1:])}\n{a.stdout}{a.stderr}" for a in answers)
