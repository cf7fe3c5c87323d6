"""A node that nobody hears of any more, while its containers run on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from mlflow.entities.model_registry import ModelVersion

from cluster.local import CONTAINERD_SOCKET, LocalCluster
from cluster.node import NODE_NAME
from cluster_runs.team import GATE, GIT_CA, HELD, Object, Team
from support.recorded import assert_is_as_recorded, noisy_files


def until(condition: Callable[[], object], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.5)


def pods(team: Team) -> set[str]:
    return {pod["metadata"]["name"] for pod in team.kubectl.list("pods", "retrain.dev/run=lost")}


def versions(team: Team) -> list[ModelVersion]:
    return list(team.client().search_model_versions(f"name='{team.name}'"))


def open_gate_unseen(cluster: LocalCluster, pod: Object) -> None:
    """In the container itself: no API server reaches it."""
    (train,) = pod["status"]["containerStatuses"]
    container = train["containerID"].removeprefix("containerd://")
    ctr = [str(cluster.folder / "bin/ctr"), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io"]
    touch = ["tasks", "exec", "--exec-id", "gate", container, "touch", GATE]
    subprocess.run(cluster.command([*ctr, *touch]), check=True, capture_output=True)


@pytest.mark.exhaustive
def test_of_a_node_lost_in_the_middle_one_version_is_named_and_is_what_its_record_says(
    kubernetes_cluster: LocalCluster,
    make_a_team: Callable[..., Team],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    team = make_a_team(noisy_files())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", team.stores.mlflow.uri)
    team.apply("lost", team.spec(pod={"env": [GIT_CA, HELD]}, retries=2))
    name = team.pod_in_stage("lost", "train")
    pod = team.kubectl.get("pod", name)
    with kubernetes_cluster.paused("kubelet"):
        team.kubectl("delete", "node", NODE_NAME)
        until(lambda: name not in pods(team), "the pod is given up", 300)
        open_gate_unseen(kubernetes_cluster, pod)
        until(lambda: versions(team), "the pod that nobody knows has registered its model", 120)
    # It registers as a node when it starts.
    os.kill(kubernetes_cluster.pid("kubelet"), signal.SIGKILL)
    status = team.finished("lost")
    assert status["conditions"][0]["reason"] == "Trained", status
    named = team.client().get_model_version_by_alias(team.name, "champion")
    assert status["model"]["version"] == named.version
    assert_is_as_recorded(named, team.stores.s3, team.bucket)
    unnamed = [one for one in versions(team) if one.version != named.version]
    assert not any(one.aliases for one in unnamed)
