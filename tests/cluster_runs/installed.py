"""Retrain on a cluster, installed as the README says: by Helm."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from cluster.fixtures import Cluster
from cluster_runs.kubectl import Kubectl
from images.fixtures import Images
from install.rendering import HELM
from servers.binaries import locked

CHART = Path(__file__).parents[2] / "charts" / "retrain"
NAMESPACE = "retrain-system"


class HelmFailed(Exception):
    """Its own words."""


def helm(kubectl: Kubectl, *arguments: str) -> str:
    """Its standard output. Raises HelmFailed."""
    done = subprocess.run(
        [str(HELM.binary()), *arguments, "--namespace", NAMESPACE],
        env=kubectl.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise HelmFailed(f"helm {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def install(cluster: Cluster, kubectl: Kubectl, build: Callable[[], Images]) -> None:
    """Load the images and install the chart, unless another process has done it."""
    with locked(f"install-{cluster.kubeconfig.parent.name}"):
        if "retrain" in helm(kubectl, "list", "--short").split():
            return
        images = build()
        for archive in (images.operator, images.trainer):
            cluster.load_image(archive)
        kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": NAMESPACE,
                    "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
                },
            }
        )
        upgrade(kubectl)


def upgrade(kubectl: Kubectl, **values: str) -> str:
    """`helm upgrade --install` with ``values``; their keys have `__` for dots."""
    given = {key.replace("__", "."): value for key, value in values.items()}
    settings = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    return helm(
        kubectl,
        "upgrade",
        "--install",
        "retrain",
        str(CHART),
        "--wait",
        "--timeout=180s",
        *settings,
    )
