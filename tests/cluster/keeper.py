"""The process that runs a cluster for as long as it is wanted, and then takes it away again."""

import argparse
import os
import shutil
import signal
import time
import traceback
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from cluster import cgroups
from cluster.api import Api
from cluster.components import Crew, Place
from cluster.control_plane import SERVICE_ADDRESS, ControlPlane
from cluster.fake_node import fake_node
from cluster.folders import LOCK, Facts, folder_of, write_facts
from cluster.namespaces import NODE_ADDRESS, namespaces
from cluster.node import Node
from cluster.pki import make_pki, write_kubeconfig
from cluster.ports import forwarder, listening_socket
from cluster.programs import KUBERNETES, PROBE
from servers.process import free_port

INNER_PORT = 6443
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> int:
    options = _options()
    for number in STOPPING:
        signal.signal(number, _stop)
    folder = folder_of(options.name)
    try:
        with ExitStack() as stack:
            try:
                _Cluster(stack, options.name, folder).run(options)
            finally:
                for number in STOPPING:
                    signal.signal(number, signal.SIG_IGN)
    except SystemExit:
        pass
    except BaseException:
        # The folder stays for its logs; the next `up` or `down` takes it away.
        traceback.print_exc()
        return 1
    _remove(folder)
    return 0


def _remove(folder: Path) -> None:
    """The lock last: as long as it is there, nobody else touches the folder."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()
    shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--control-plane-only", action="store_true")
    parser.add_argument("--fake-node", action="store_true")
    parser.add_argument("--owner", type=int, help="a pidfd: the cluster ends with that process")
    return parser.parse_args()


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


class _Cluster:
    def __init__(self, stack: ExitStack, name: str, folder: Path) -> None:
        self._stack = stack
        self._name = name
        self._folder = folder
        self._began = time.monotonic()
        self._pki = folder / "pki"
        self._logs = folder / "logs"
        self._logs.mkdir()

    def run(self, options: argparse.Namespace) -> None:
        if options.control_plane_only:
            crew, server = self._control_plane_alone(options.fake_node)
        else:
            crew, server = self._with_node()
        write_kubeconfig(self._folder / "kubeconfig", self._pki, "admin", server)
        self._write_facts(crew, server)
        ends = [] if options.owner is None else [options.owner]
        if crew.place.holder:
            ends.append(os.pidfd_open(crew.place.holder))
        while crew.tend(ends):
            self._write_facts(crew, server)

    def _control_plane_alone(self, with_fake_node: bool) -> tuple[Crew, str]:
        port = free_port()
        server = f"https://127.0.0.1:{port}"
        crew, api = self._crew(Place(), server)
        plane = self._plane(crew.place, api, "127.0.0.1", port, None)
        crew.start(plane.etcd())
        crew.start(plane.api_server())
        self._say("the API server is ready")
        crew.start(plane.scheduler(), plane.controller_manager())
        if with_fake_node:
            crew.start(fake_node(self._folder, api))
            self._say("the fake node is ready")
        return crew, server

    def _with_node(self) -> tuple[Crew, str]:
        cgroups.create(self._name)
        self._stack.callback(cgroups.remove, self._name)
        place = self._stack.enter_context(namespaces(PROBE.binary()))
        listener = self._stack.enter_context(listening_socket())
        server = f"https://127.0.0.1:{listener.getsockname()[1]}"
        crew, api = self._crew(place, server)
        plane = self._plane(place, api, "0.0.0.0", INNER_PORT, NODE_ADDRESS)
        control_group = cgroups.parent_name(self._name)
        node = Node(self._folder, place, api, control_group)
        crew.start(plane.etcd(), node.containerd())
        crew.start(
            forwarder(PROBE.binary(), listener, f"127.0.0.1:{INNER_PORT}"), plane.api_server()
        )
        self._say("the API server is ready")
        node.load_sandbox_image()
        crew.start(
            *(plane.scheduler(), plane.controller_manager()),
            *(node.kube_proxy(), node.dns(), node.kubelet()),
        )
        self._say("the node is ready")
        return crew, server

    def _crew(self, place: Place, server: str) -> tuple[Crew, Api]:
        make_pki(self._pki, [SERVICE_ADDRESS, NODE_ADDRESS])
        search = f"{self._folder}/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
        crew = Crew(place, self._logs, {"PATH": search, "HOME": str(self._folder)})
        self._stack.callback(crew.kill)
        return crew, Api(server, self._pki)

    def _plane(
        self, place: Place, api: Api, bind: str, port: int, node_address: str | None
    ) -> ControlPlane:
        kubernetes = KUBERNETES.binary()
        return ControlPlane(self._folder, kubernetes, place, api, bind, port, node_address)

    def _write_facts(self, crew: Crew, server: str) -> None:
        holder = crew.place.holder
        write_facts(self._folder, Facts(self._name, os.getpid(), holder, server, crew.pids()))

    def _say(self, text: str) -> None:
        print(f"{text} after {time.monotonic() - self._began:.1f} s", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
