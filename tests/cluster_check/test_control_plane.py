"""A control plane alone: what needs no pod to run, on a machine without root."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import (  # type: ignore[import-untyped, unused-ignore]
    ApiException,
)
from urllib3.exceptions import HTTPError

from cluster.borrowed import context_cluster
from cluster.fixtures import Cluster
from cluster.folders import Facts, folder_of
from cluster.lifecycle import attach, down, up
from cluster.local import LocalCluster
from cluster_check.probing import Probing
from servers.fixtures import requirements

TESTS = Path(__file__).parents[1]
CRD = {
    "metadata": {"name": "probes.check.retrain.dev"},
    "spec": {
        "group": "check.retrain.dev",
        "scope": "Namespaced",
        "names": {"plural": "probes", "singular": "probe", "kind": "Probe"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object"}},
                    }
                },
            }
        ],
    },
}


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def probing(api_server: Cluster) -> Probing:
    return Probing(api_server.kubeconfig)


def test_it_takes_a_custom_resource_definition_and_then_its_objects(probing: Probing) -> None:
    probing.definitions.create_custom_resource_definition(CRD)
    kind = ("check.retrain.dev", "v1", "default", "probes")
    body = {"apiVersion": "check.retrain.dev/v1", "kind": "Probe", "metadata": {"name": "one"}}

    def created() -> bool:
        try:
            probing.objects.create_namespaced_custom_object(*kind, body)
        except ApiException:
            # The kind is served a moment after its definition is stored.
            return False
        return True

    wait_for(created)
    assert probing.objects.get_namespaced_custom_object(*kind, "one")["kind"] == "Probe"


def test_its_controllers_make_pods_for_jobs(probing: Probing) -> None:
    job = probing.create_job("exit", "0")
    wait_for(lambda: len(probing.pods(job)) == 1)


def test_a_pod_below_the_standard_of_its_namespace_is_refused(probing: Probing) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    probing.core.create_namespace({"metadata": {"name": "strict", "labels": labels}})
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}

    def refusal() -> str:
        with pytest.raises(ApiException) as refused:
            probing.core.create_namespaced_pod("strict", pod)
        return str(refused.value.body)

    # Before the namespace has its account, that is what the refusal says.
    wait_for(lambda: "violates PodSecurity" in refusal())


def test_a_call_stands_in_the_audit_log_before_it_is_answered(
    api_server: Cluster, probing: Probing
) -> None:
    assert api_server.audit_log
    with api_server.audit_log.open() as log:
        log.seek(0, os.SEEK_END)
        probing.core.create_namespaced_config_map("default", {"metadata": {"name": "audited"}})
        entries: list[dict[str, Any]] = [json.loads(line) for line in log]
    [entry] = [each for each in entries if each["objectRef"].get("name") == "audited"]
    assert entry["user"]["username"] == "kubernetes-admin"
    assert entry["verb"] == "create"
    assert entry["objectRef"]["resource"] == "configmaps"
    assert entry["objectRef"]["namespace"] == "default"
    assert entry["responseStatus"]["code"] == 201
    assert "requestObject" not in entry


def test_a_context_of_a_kubeconfig_is_a_cluster_too(
    api_server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    with requirements():
        borrowed = context_cluster("retrain", tmp_path)
    assert Probing(borrowed.kubeconfig).core.read_namespace("default").metadata.name == "default"


def test_it_needs_no_privilege_and_leaves_nothing() -> None:
    name = f"unprivileged-{os.getpid()}"
    folder = folder_of(name)
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    command = [sys.executable, "-m", "cluster", "up", "--control-plane-only", "--name", name]
    done = subprocess.run(
        [*(powerless if os.geteuid() == 0 else []), *command],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        assert done.stdout == f"export KUBECONFIG={folder}/kubeconfig\n", done.stderr
        facts = attached(name).facts
    finally:
        assert down(name)
    assert not alive(facts)
    assert not folder.exists()
    assert not down(name)


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "infinity"]) as process:
        yield process
        process.kill()


@pytest.fixture
def owned(owner: subprocess.Popen[bytes]) -> Iterator[LocalCluster]:
    """A control plane with a fake node, for as long as `owner` lives."""
    name = f"owned-{os.getpid()}"
    with requirements():
        yield up(name, control_plane_only=True, fake_node=True, owner=owner.pid)
    down(name)


def test_its_fake_node_ends_jobs_and_its_parts_can_hang_and_end(owned: LocalCluster) -> None:
    probing = Probing(owned.kubeconfig)
    # A real pod would fail.
    jobs = [probing.create_job("exit", "1") for _ in range(20)]
    assert {probing.finish(job) for job in jobs} == {"Complete"}

    with owned.paused("kube-apiserver"), pytest.raises(HTTPError, match="Max retries"):
        probing.core.read_namespace("default", _request_timeout=1)
    assert probing.core.read_namespace("default")

    killed = owned.pid("kube-apiserver")
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: owned.pid("kube-apiserver") != killed)
    wait_for(lambda: answers(probing))
    assert probing.finish(probing.create_job("exit", "1")) == "Complete"


def test_it_ends_with_its_owner_however_that_ends(
    owner: subprocess.Popen[bytes], owned: LocalCluster
) -> None:
    assert up(owned.facts.name, control_plane_only=True) == owned
    owner.kill()
    wait_for(lambda: not owned.folder.exists())
    assert not alive(owned.facts)


def answers(probing: Probing) -> bool:
    try:
        probing.core.read_namespace("default", _request_timeout=1)
    except (ApiException, HTTPError):
        return False
    return True


def attached(name: str) -> LocalCluster:
    cluster = attach(name)
    assert cluster, f"{name} is not up"
    return cluster


def alive(facts: Facts) -> set[str]:
    return {name for name, pid in facts.pids.items() if Path(f"/proc/{pid}").exists()}
