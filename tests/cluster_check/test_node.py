"""A whole cluster of this machine's own: pods run, reach what they must, and nothing is left."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster import cgroups
from cluster.fixtures import Cluster
from cluster.folders import clusters_folder
from cluster.images import write_probe_archive
from cluster.lifecycle import attach, down, up
from cluster.local import LocalCluster
from cluster_check.probing import Probing
from servers.fixtures import requirements
from servers.process import free_port, serving

# Where Kubernetes, containerd and CNI write unless they are kept from it.
PLACES = [
    *("/etc/cni", "/opt/cni", "/usr/libexec/kubernetes"),
    *("/run/containerd", "/run/etcd", "/run/netns", "/run/xtables.lock"),
    *("/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet"),
    *("/var/log/containers", "/var/log/pods"),
]
KINDS = ("net", "mnt", "pid")
SETTINGS = [
    *("kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom"),
    *("net/bridge/bridge-nf-call-iptables", "net/ipv4/ip_forward"),
]


@pytest.fixture(scope="module")
def loaded_image(kubernetes_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = "localhost/loaded-probe:test"
    archive = write_probe_archive(tmp_path_factory.mktemp("image") / "probe.tar", name)
    with requirements():
        kubernetes_cluster.load_image(archive)
    return name


@pytest.fixture
def probing(kubernetes_cluster: Cluster, loaded_image: str) -> Probing:
    return Probing(kubernetes_cluster.kubeconfig, loaded_image)


def test_a_job_of_a_loaded_image_runs_to_its_end_and_reports_its_message(probing: Probing) -> None:
    job = probing.create_job("exit", "0", "trained")
    assert probing.finish(job) == "Complete"
    [pod] = probing.pods(job)
    terminated = pod.status.container_statuses[0].state.terminated
    assert (terminated.exit_code, terminated.message) == (0, "trained")


def test_a_job_whose_pod_fails_fails(probing: Probing) -> None:
    job = probing.create_job("exit", "7")
    assert probing.finish(job) == "Failed"
    [pod] = probing.pods(job)
    assert pod.status.container_statuses[0].state.terminated.exit_code == 7


def test_a_pod_finds_services_by_name(probing: Probing) -> None:
    service = probing.core.read_namespaced_service("kubernetes", "default")
    found = probing.output("resolve", "kubernetes.default.svc")
    assert found.split() == [service.spec.cluster_ip]


def test_pods_and_the_host_reach_a_server_that_runs_in_the_cluster(
    kubernetes_cluster: Cluster, probing: Probing, tmp_path: Path
) -> None:
    (tmp_path / "greeting").write_text("reached")
    address, port = kubernetes_cluster.host_address, free_port()
    options = ["--bind", address, "--directory", str(tmp_path), str(port)]
    command = kubernetes_cluster.command([sys.executable, "-m", "http.server", *options])
    with kubernetes_cluster.reached(port) as host_port:

        def answer() -> bytes | None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{host_port}/greeting") as response:
                    content: bytes = response.read()
                    return content
            except OSError:
                return None

        log = tmp_path / "server.log"
        with serving(lambda _: command, ready=lambda _: answer() is not None, log=log):
            assert answer() == b"reached"
            assert probing.output("get", f"http://{address}:{port}/greeting") == "reached"


def test_two_clusters_stand_side_by_side_and_one_that_goes_leaves_nothing(
    kubernetes_cluster: Cluster, probing: Probing
) -> None:
    name = f"beside-{os.getpid()}"
    before = machine()
    with requirements():
        beside = up(name, owner=os.getpid())
    own_namespaces = namespaces_of(beside)
    try:
        assert beside.kubeconfig != kubernetes_cluster.kubeconfig
        other = Probing(beside.kubeconfig)
        [here] = probing.core.list_node().items
        [there] = other.core.list_node().items
        assert here.metadata.uid != there.metadata.uid
        jobs = [other.create_job("exit", "0"), other.create_job("sleep", "600")]
        assert other.finish(jobs[0]) == "Complete"
        wait_for(lambda: other.pods(jobs[1])[0].status.phase == "Running")
        assert probing.output("resolve", "kubernetes.default.svc")
        assert control_groups(name)
    finally:
        assert down(name)
    assert machine() == before
    # Who entered them from outside is reaped outside, a moment later.
    wait_for(lambda: not processes_in(own_namespaces))
    assert not control_groups(name)
    assert not beside.folder.exists()
    assert probing.output("resolve", "kubernetes.default.svc")


def test_a_killed_keeper_takes_all_processes_along_and_down_takes_the_rest() -> None:
    name = f"killed-{os.getpid()}"
    before = machine()
    with requirements():
        cluster = up(name, owner=os.getpid())
    own_namespaces = namespaces_of(cluster)
    try:
        assert set(cluster.facts.pids) >= {"etcd", "kubelet", "containerd"}
        os.kill(cluster.facts.keeper, signal.SIGKILL)
        wait_for(lambda: not processes_in(own_namespaces))
        assert attach(name) is None
    finally:
        assert down(name)
    assert machine() == before
    assert not control_groups(name)
    assert not cluster.folder.exists()


def machine() -> dict[str, object]:
    """What a cluster could have changed on it."""
    return {
        "links": output("ip", "-oneline", "address"),
        "routes": output("ip", "route"),
        "rules": re.sub(r"^[#:].*\n", "", output("iptables-save"), flags=re.MULTILINE),
        "mounts": sorted(filter(could_be_a_cluster_s, mount_points())),
        "places": [place for place in PLACES if Path(place).exists()],
        "settings": [Path("/proc/sys", name).read_text() for name in SETTINGS],
    }


def mount_points() -> list[str]:
    return [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]


def could_be_a_cluster_s(mount_point: str) -> bool:
    """Others on the machine, builders of images for one, mount and unmount meanwhile."""
    places = (clusters_folder(), "/etc", "/proc", "/run", "/sys", "/var")
    return any(Path(mount_point).is_relative_to(place) for place in places)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def namespaces_of(cluster: LocalCluster) -> set[str]:
    assert cluster.facts.holder
    found = {os.readlink(f"/proc/{cluster.facts.holder}/ns/{kind}") for kind in KINDS}
    assert not found & {os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}
    return found


def processes_in(namespaces: set[str]) -> list[str]:
    found = []
    for link in Path("/proc").glob("[0-9]*/ns/*"):
        # A process may end while it is looked at.
        with contextlib.suppress(OSError):
            if os.readlink(link) in namespaces:
                found.append(str(link))
    return found


def control_groups(name: str) -> list[Path]:
    return list(Path("/sys/fs/cgroup").rglob(cgroups.parent_name(name)))


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
