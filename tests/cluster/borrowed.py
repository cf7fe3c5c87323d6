"""Clusters that are not this harness's own: kind's, and any context of a kubeconfig."""

import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.components import ClusterFailed
from cluster.exposed import served
from cluster.programs import PROBE
from servers.binaries import MissingRequirement, locked

CREATE_SECONDS = 600
LOAD_VARIABLE = "RETRAIN_TEST_LOAD_IMAGE"
ADDRESS_VARIABLE = "RETRAIN_TEST_HOST_ADDRESS"


@dataclass(frozen=True)
class BorrowedCluster:
    """Pods reach this machine's servers at its own address, so commands run as they are."""

    kubeconfig: Path
    host_address: str
    loading: Sequence[str]
    """The command that loads the image archive whose path comes last."""
    audit_log: Path | None = None

    def command(self, argv: Sequence[str]) -> list[str]:
        return list(argv)

    @contextmanager
    def reached(self, port: int, at: int = 0) -> Iterator[int]:
        yield port

    @contextmanager
    def exposed(self, port: int) -> Iterator[int]:
        """The port of `host_address` at which pods reach this machine's 127.0.0.1:port."""
        if not self.host_address:
            raise MissingRequirement(ADDRESS_VARIABLE, "where pods reach this machine is not named")
        listener = socket.create_server((self.host_address, 0), backlog=512)
        with served(PROBE.binary(), listener, port) as exposed_port:
            yield exposed_port

    def load_image(self, archive: Path) -> None:
        if not self.loading:
            raise MissingRequirement(LOAD_VARIABLE, "no command that loads images is named there")
        _output(*self.loading, str(archive))


def kind_cluster(name: str, folder: Path) -> BorrowedCluster:
    """Created unless it exists; `remove_kind_cluster` ends it."""
    for needed in ("kind", "docker"):
        _find(needed)
    kubeconfig = folder / f"{name}.kubeconfig"
    with locked("clusters"):
        if name in _output("kind", "get", "clusters").split():
            kubeconfig.write_text(_output("kind", "get", "kubeconfig", "--name", name))
        else:
            _output(
                *("kind", "create", "cluster", "--name", name),
                *("--kubeconfig", str(kubeconfig), "--wait", f"{CREATE_SECONDS}s"),
            )
    gateways = "{{range .IPAM.Config}}{{.Gateway}} {{end}}"
    addresses = _output("docker", "network", "inspect", "kind", "--format", gateways).split()
    address = next(address for address in addresses if "." in address)
    return BorrowedCluster(kubeconfig, address, ["kind", "load", "image-archive", "--name", name])


def remove_kind_cluster(name: str) -> None:
    if shutil.which("kind") and name in _output("kind", "get", "clusters").split():
        _output("kind", "delete", "cluster", "--name", name)


def context_cluster(context: str, folder: Path) -> BorrowedCluster:
    """The context must exist; what cannot be known of it is told by environment variables."""
    _find("kubectl")
    flags = ["--minify", "--flatten", "--context", context]
    try:
        config = _output("kubectl", "config", "view", *flags)
    except ClusterFailed as failure:
        raise MissingRequirement(f"context {context}", str(failure)) from None
    kubeconfig = folder / "context.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(config)
    loading = shlex.split(os.environ.get(LOAD_VARIABLE, ""))
    return BorrowedCluster(kubeconfig, os.environ.get(ADDRESS_VARIABLE, ""), loading)


def _find(name: str) -> None:
    if not shutil.which(name):
        raise MissingRequirement(name, "not on PATH")


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise ClusterFailed(f"{shlex.join(command)} failed: {said}")
    return done.stdout
