"""Ports of the host that lead into a cluster's namespaces."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.components import Component, Place, tied_to_me


@contextmanager
def listening_socket(port: int = 0) -> Iterator[socket.socket]:
    """On the host's loopback: a socket stays in the network it was made in, whoever serves it."""
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:
        yield listener


def forwarder(probe: Path, listener: socket.socket, address: str) -> Component:
    descriptor = listener.fileno()
    command = [str(probe), "forward", str(descriptor), address]
    return Component("forwarder", command, sockets=(descriptor,))


@contextmanager
def forwarded(place: Place, probe: Path, address: str, port: int = 0) -> Iterator[int]:
    """The host's port (by default a free one) that leads to HOST:PORT inside."""
    with listening_socket(port) as listener, led(place, probe, listener, address):
        yield int(listener.getsockname()[1])


@contextmanager
def led(place: Place, probe: Path, listener: socket.socket, address: str) -> Iterator[None]:
    """Who connects to ``listener`` reaches HOST:PORT as it is seen from ``place``."""
    component = forwarder(probe, listener, address)
    process = subprocess.Popen(
        tied_to_me(place.command(component.command)),
        stdin=subprocess.DEVNULL,
        pass_fds=component.sockets,
        start_new_session=True,
    )
    try:
        yield
    finally:
        # TERM, so that nsenter passes it on.
        process.terminate()
        process.wait()
