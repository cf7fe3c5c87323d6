"""A way to the API server that can be closed: every connection on it breaks, none is made."""

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import yaml


class Forwarder:
    """A TCP port that leads to the server of a kubeconfig, and a kubeconfig that leads to it."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        server = urlsplit(cluster["server"])
        self._target = (server.hostname or "", server.port or 443)
        self._open = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        cluster["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.kubeconfig = folder / "forwarded.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(content))

    def __enter__(self) -> Self:
        self.open()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()
        self.close()

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            if not self._open.is_set():
                caller.close()
                continue
            target = socket.create_connection(self._target)
            for source, sink in ((caller, target), (target, caller)):
                self._sockets.add(source)
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
