"""The other way round: servers of the host's loopback, reached from pods."""

import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.components import Place
from cluster.ports import led

NEW_NETWORK = 0x40000000
"""CLONE_NEWNET."""


def socket_in(pid: int, address: str) -> socket.socket:
    """A listening socket in the network of the process ``pid``, on a free port of ``address``."""
    made: list[socket.socket | OSError] = []

    def make() -> None:
        # A namespace is a thread's own: this one ends with what it has made.
        handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(handle, NEW_NETWORK) != 0:
                raise OSError(ctypes.get_errno(), f"setns of process {pid}")
            made.append(socket.create_server((address, 0), backlog=512))
        except OSError as error:
            made.append(error)
        finally:
            os.close(handle)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    found = made[0]
    if isinstance(found, OSError):
        raise found
    return found


@contextmanager
def served(probe: Path, listener: socket.socket, port: int) -> Iterator[int]:
    """Lead ``listener`` to the host's 127.0.0.1:``port``; gives its own port."""
    with listener, led(Place(), probe, listener, f"127.0.0.1:{port}"):
        yield int(listener.getsockname()[1])
