"""A small proxy that asks for basic auth or a token, or refuses everything, and remembers."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from servers.streaming_http import (
    BLOCK,
    Credentials,
    LoggingServer,
    StreamingHandler,
    answering,
)

TIMEOUT_SECONDS = 120
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authorization", "te", "trailer", "upgrade"}
_NOT_SENT_ON = {*_HOP_BY_HOP, "host", "authorization", "expect"}
_NOT_SENT_BACK = {*_HOP_BY_HOP, "transfer-encoding", "server", "date"}


class AuthProxy:
    """`status`, when set, answers every request; it may be set and unset while serving."""

    def __init__(self, server: "_ProxyServer") -> None:
        self._server = server
        self.log = server.log
        self.uri = f"http://127.0.0.1:{server.port}"

    @property
    def status(self) -> int | None:
        return self._server.status

    @status.setter
    def status(self, status: int | None) -> None:
        self._server.status = status

    @property
    def requests(self) -> list[str]:
        """`METHOD /path` of each request so far, refused ones too."""
        return list(self._server.requests)


@contextmanager
def auth_proxy(
    folder: Path,
    *,
    upstream: str | None = None,
    user: str | None = None,
    password: str | None = None,
    token: str | None = None,
    status: int | None = None,
) -> Iterator[AuthProxy]:
    """In front of `upstream` (an http URL) or, with a `status`, standing alone."""
    expected = None if user is None else Credentials(user, password or "")
    server = _ProxyServer(upstream, expected, token, status, folder / "auth-proxy.log")
    with answering(server):
        yield AuthProxy(server)


class _ProxyServer(LoggingServer):
    def __init__(
        self,
        upstream: str | None,
        expected: Credentials | None,
        token: str | None,
        status: int | None,
        log: Path,
    ) -> None:
        self.upstream = urlsplit(upstream) if upstream else None
        self.expected = expected
        self.token = token
        self.status = status
        self.requests: list[str] = []
        self.lock = threading.Lock()
        super().__init__(_ProxyHandler, log)


class _ProxyHandler(StreamingHandler):
    server: _ProxyServer

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.requests.append(f"{self.command} {self.path}")
        if self.server.status is not None:
            self._refuse(self.server.status)
        elif not self._admitted():
            self._refuse(401)
        elif self.server.upstream is None:
            self.answer(502, "nothing stands behind this proxy")
        else:
            self._forward(self.server.upstream.netloc, self.server.upstream.path.rstrip("/"))

    do_DELETE = do_HEAD = do_PATCH = do_POST = do_PUT = do_GET

    def _admitted(self) -> bool:
        if self.server.token is not None:
            return self.headers.get("Authorization") == f"Bearer {self.server.token}"
        return self.server.expected is None or self.credentials() == self.server.expected

    def _refuse(self, status: int) -> None:
        if status == 401 and self.server.token is not None:
            self.answer(401, "token needed", ("WWW-Authenticate", "Bearer"))
        elif status == 401:
            self.demand_credentials("mlflow")
        else:
            self.answer(status, f"refused with {status}")

    def _forward(self, netloc: str, prefix: str) -> None:
        headers = {n: v for n, v in self.headers.items() if n.lower() not in _NOT_SENT_ON}
        chunked = self.has_chunked_body()
        has_body = chunked or "Content-Length" in self.headers
        upstream = http.client.HTTPConnection(netloc, timeout=TIMEOUT_SECONDS)
        try:
            upstream.request(
                self.command,
                prefix + self.path,
                body=self.body() if has_body else None,
                headers=headers,
                encode_chunked=chunked,
            )
            response = upstream.getresponse()
        except (OSError, http.client.HTTPException) as error:
            # Some of the body may be gone with the connection, so ours cannot be used again.
            self.close_connection = True
            self.answer(502, f"no answer from behind the proxy: {error}", ("Connection", "close"))
            return
        with closing(upstream):
            back = [(n, v) for n, v in response.getheaders() if n.lower() not in _NOT_SENT_BACK]
            self.respond(response.status, back, iter(lambda: response.read1(BLOCK), b""))
