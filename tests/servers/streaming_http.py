"""What the HTTP servers share: bodies read and written as they come, basic auth, a log file."""

import base64
import binascii
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

BLOCK = 64 * 1024


class Credentials(NamedTuple):
    user: str
    password: str


class LoggingServer(ThreadingHTTPServer):
    """Logs to a file, so that nothing of it stands between the lines of a test report."""

    request_queue_size = 128

    def __init__(self, handler: type["StreamingHandler"], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._log_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def port(self) -> int:
        return self.server_port

    def write_log(self, text: str) -> None:
        with self._log_lock, self.log.open("a") as log:
            log.write(text.rstrip("\n") + "\n")

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.write_log(traceback.format_exc())


@contextmanager
def answering(server: LoggingServer) -> Iterator[None]:
    """The port is open already: a request made before the thread runs waits in the queue."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class StreamingHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LoggingServer

    def log_message(self, format: str, *args: Any) -> None:
        self.server.write_log(f"{self.log_date_time_string()} {format % args}")

    def credentials(self) -> Credentials | None:
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return Credentials(user, password) if colon else None

    def has_chunked_body(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    def body(self) -> Iterator[bytes]:
        if self.has_chunked_body():
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield from self._read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            yield from self._read(int(self.headers.get("Content-Length", "0")))

    def _read(self, size: int) -> Iterator[bytes]:
        while size:
            block = self.rfile.read(min(size, BLOCK))
            if not block:
                raise ConnectionError("the client left in the middle of its request")
            size -= len(block)
            yield block

    def respond(
        self, status: int, headers: Iterable[tuple[str, str]], blocks: Iterable[bytes]
    ) -> None:
        """Chunked, unless the headers tell the length."""
        headers = list(headers)
        bodiless = self.command == "HEAD" or status in (204, 304)
        chunked = not bodiless and not any(n.lower() == "content-length" for n, _ in headers)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for block in blocks:
            if block and not bodiless:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def answer(self, status: int, text: str, *headers: tuple[str, str]) -> None:
        """A short answer of our own, instead of reading the request's body."""
        # What is left of the body would be taken for the next request.
        if not self.close_connection:
            for _ in self.body():
                pass
        content = (text + "\n").encode()
        kind = ("Content-Type", "text/plain; charset=utf-8")
        self.respond(status, [kind, ("Content-Length", str(len(content))), *headers], [content])

    def demand_credentials(self, realm: str) -> None:
        self.answer(401, "credentials needed", ("WWW-Authenticate", f'Basic realm="{realm}"'))
