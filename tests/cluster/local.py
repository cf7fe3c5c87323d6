"""A cluster of this machine's own, as tests use it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.components import ClusterFailed, Place
from cluster.control_plane import AUDIT_LOG
from cluster.exposed import served, socket_in
from cluster.folders import Facts, read_facts
from cluster.namespaces import NODE_ADDRESS
from cluster.ports import forwarded
from cluster.programs import PROBE

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
STOP_SECONDS = 30


@dataclass(frozen=True)
class LocalCluster:
    folder: Path
    facts: Facts

    @property
    def kubeconfig(self) -> Path:
        """For the host."""
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON object a line: user, verb, objectRef, responseStatus; no bodies."""
        return self.folder / AUDIT_LOG

    @property
    def host_address(self) -> str:
        """Where pods reach servers that were started by `command`."""
        return NODE_ADDRESS if self.facts.holder else "127.0.0.1"

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` where pods reach it, in the folder / there."""
        return Place(self.facts.holder).command(argv)

    @contextmanager
    def reached(self, port: int, at: int = 0) -> Iterator[int]:
        """The port on the host's 127.0.0.1 (`at`, else a free one) that leads to this one there."""
        place = Place(self.facts.holder)
        address = f"{self.host_address}:{port}"
        with forwarded(place, PROBE.binary(), address, at) as host_port:
            yield host_port

    @contextmanager
    def exposed(self, port: int) -> Iterator[int]:
        """The port of `host_address` at which pods reach the host's 127.0.0.1:port."""
        holder = self.facts.holder
        assert holder is not None, "a control plane alone has no pods"
        with served(PROBE.binary(), socket_in(holder, NODE_ADDRESS), port) as exposed_port:
            yield exposed_port

    def pid(self, component: str) -> int:
        """On the host, and now: a component that ends is started again by and by."""
        facts = read_facts(self.folder)
        if facts is None:
            raise ClusterFailed(f"{self.facts.name} is not up")
        return facts.pids[component]

    @contextmanager
    def paused(self, component: str) -> Iterator[None]:
        """In the block it hangs: it accepts connections and answers none."""
        pid = self.pid(component)
        os.kill(pid, signal.SIGSTOP)
        try:
            _wait_until_stopped(pid)
            yield
        finally:
            # What took it into its namespaces has stopped itself along with it.
            for each in (pid, _state_and_parent(Path(f"/proc/{pid}"))[1]):
                os.kill(each, signal.SIGCONT)

    def load_image(self, archive: Path) -> None:
        """From an OCI or Docker archive, under the name it has there."""
        if not self.facts.holder:
            raise ClusterFailed(f"{self.facts.name} has no node to load images to")
        command = self.command(import_command(self.folder, archive.resolve()))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterFailed(f"{archive} is not loaded: {done.stderr.strip()}")


def _wait_until_stopped(pid: int) -> None:
    """One thread takes the signal; until it gets a core, all the others go on answering."""
    deadline = time.monotonic() + STOP_SECONDS
    while not all(_state_and_parent(task)[0] == "T" for task in _tasks(pid)):
        assert time.monotonic() < deadline, f"{pid} does not stop"
        time.sleep(0.01)


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").iterdir())


def _state_and_parent(process: Path) -> tuple[str, int]:
    # After the name, which may have spaces in it.
    _, _, rest = (process / "stat").read_text().rpartition(")")
    state, parent = rest.split()[:2]
    return state, int(parent)


def import_command(folder: Path, archive: Path) -> list[str]:
    ctr = [str(folder / "bin/ctr"), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io"]
    return [*ctr, "images", "import", str(archive)]
