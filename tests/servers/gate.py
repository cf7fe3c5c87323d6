"""A door before a server: shut, silent, or answering what the server would not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Gate:
    """Passes bytes on to a server while it is open."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._mode = "open"
        self._answer = b""
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self.knocked = threading.Event()
        """Whether somebody has come while it was silent, or since it answers by itself."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._serve()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Refuse connections, and end those that there are."""
        with self._lock:
            self._mode = "shut"
        # A close alone would leave the port listening while a thread accepts.
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._hang_up()

    def silence(self) -> None:
        """Take connections, and answer none."""
        self._mode = "silent"
        self._hang_up()

    def answer(self, status: int, *headers: str) -> None:
        """Answer every request over HTTP with ``status``."""
        lines = [
            f"HTTP/1.1 {status} No",
            *headers,
            "Content-Length: 0",
            "Connection: close",
            "",
            "",
        ]
        self._answer = "\r\n".join(lines).encode()
        self._mode = "answer"
        self._hang_up()

    def open(self) -> None:
        """Be as the server is; who has waited is sent away."""
        shut, self._mode = self._mode == "shut", "open"
        self._hang_up()
        if shut:
            self._listening = socket.create_server(("127.0.0.1", self.port))
            self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                self._connections.append(client)
            if self._mode != "open":
                self.knocked.set()
            if self._mode == "answer":
                threading.Thread(target=self._refuse, args=(client,), daemon=True).start()
            elif self._mode == "open":
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _refuse(self, client: socket.socket) -> None:
        with suppress(OSError):
            client.recv(65536)
            client.sendall(self._answer)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                # Unread bytes would turn the answer into a reset.
                pass

    def _pass_on(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        with self._lock:
            self._connections.append(server)
        threading.Thread(target=_pump, args=(client, server), daemon=True).start()
        _pump(server, client)

    def _hang_up(self) -> None:
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(url: str) -> Iterator[Gate]:
    """A gate before the server at ``url``."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    made = Gate((parts.hostname, parts.port))
    try:
        yield made
    finally:
        made.close()
