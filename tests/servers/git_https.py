"""git over https: `git http-backend` behind TLS and basic auth, and Git LFS beside it."""

import io
import os
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from functools import partial
from pathlib import Path
from typing import IO

from servers.binaries import git_http_backend
from servers.certificates import make_certificates
from servers.git_lfs import answer_lfs, answer_lfs_object
from servers.streaming_http import (
    BLOCK,
    Credentials,
    LoggingServer,
    StreamingHandler,
    answering,
)


@dataclass(frozen=True)
class GitHttpsServer:
    root: Path
    port: int
    ca_file: Path
    user: str | None
    password: str | None
    log: Path

    def url(self, name: str) -> str:
        """Without credentials in it; the repository is `root/NAME.git`."""
        return f"https://localhost:{self.port}/{name}.git"


@contextmanager
def git_https_server(
    folder: Path,
    *,
    root: Path | None = None,
    user: str | None = "trainer",
    password: str | None = "git-password",
    protocol_v2: bool = True,
    hosts: Sequence[str] = (),
) -> Iterator[GitHttpsServer]:
    """`user=None` asks for no credentials; who gives some may also push.

    Protocol 2 hands out any object by its SHA. Without it the repository's own settings count.
    The certificate is good for loopback and for `hosts`.
    """
    root = root or folder / "repositories"
    root.mkdir(parents=True, exist_ok=True)
    certificates = make_certificates(folder / "tls", hosts)
    expected = None if user is None else Credentials(user, password or "")
    log = folder / "git-https.log"
    server = _GitServer(git_http_backend(), root, expected, protocol_v2, log)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate_file, certificates.key_file)
    # A handshake on accept would let one silent client hold up all others.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    with answering(server):
        yield GitHttpsServer(root, server.port, certificates.ca_file, user, password, log)


class _GitServer(LoggingServer):
    def __init__(
        self,
        backend: Path,
        root: Path,
        expected: Credentials | None,
        protocol_v2: bool,
        log: Path,
    ) -> None:
        self.backend = backend
        self.root = root
        self.expected = expected
        self.protocol_v2 = protocol_v2
        super().__init__(_GitHandler, log)


class _GitHandler(StreamingHandler):
    server: _GitServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        if answer_lfs_object(self, self.server.root):
            return
        if self.server.expected and self.credentials() != self.server.expected:
            self.demand_credentials("git")
            return
        if answer_lfs(self, self.server.root):
            return
        with tempfile.TemporaryFile() as request:
            for block in self.body():
                request.write(block)
            self._run_backend(request)

    def _run_backend(self, request: IO[bytes]) -> None:
        """The request stands in a file: fed through a pipe, both sides could wait for each other.

        (Nor may one thread read from a TLS connection while another writes to it.)
        """
        environment = self._cgi_environment() | {"CONTENT_LENGTH": str(request.tell())}
        request.seek(0)
        with (
            self.server.log.open("ab") as errors,
            subprocess.Popen(
                [self.server.backend],
                stdin=request,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
            ) as backend,
        ):
            assert isinstance(backend.stdout, io.BufferedReader)
            try:
                status, headers = _read_head(backend.stdout)
                self.respond(status, headers, iter(partial(backend.stdout.read1, BLOCK), b""))
            except OSError:
                backend.kill()
                raise

    def _cgi_environment(self) -> dict[str, str]:
        path, _, query = self.path.partition("?")
        credentials = self.credentials()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            # The developer's own git settings must not decide a test.
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": str(self.client_address[0]),
            "SERVER_PROTOCOL": self.request_version,
        }
        if credentials:
            environment["REMOTE_USER"] = credentials.user
        if self.server.protocol_v2 and (protocol := self.headers.get("Git-Protocol")):
            environment["GIT_PROTOCOL"] = protocol
        for variable, header in _CGI_HEADERS.items():
            if header in self.headers:
                environment[variable] = self.headers[header]
        return environment


_CGI_HEADERS = {
    "CONTENT_TYPE": "Content-Type",
    "HTTP_CONTENT_ENCODING": "Content-Encoding",
    "HTTP_ACCEPT_ENCODING": "Accept-Encoding",
}


def _read_head(stdout: io.BufferedReader) -> tuple[int, list[tuple[str, str]]]:
    head = b""
    while (line := stdout.readline()).strip():
        head += line
    message = BytesHeaderParser().parsebytes(head)
    if not message:
        return 500, []
    status = str(message.get("Status", "200")).split()[0]
    return int(status), [(n, str(v)) for n, v in message.items() if n.lower() != "status"]
