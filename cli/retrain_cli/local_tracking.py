"""The MLflow store of a laptop, and a server before it for stages with another MLflow.

A client of another version migrates, or refuses, our SQLite database; mlflow-skinny cannot open
one. Such stages are given a loopback server, started when the first run needs it.
"""

import importlib.metadata
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from retrain_cli.home import Home
from retrain_core.outcome import Reason, RunFailed

START_SECONDS = 90


@contextmanager
def local_tracking(home: Home) -> Iterator[Callable[[Mapping[str, str]], str]]:
    """A function from a stage's packages to the tracking URI for it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    server: subprocess.Popen[bytes] | None = None
    uri = ""

    def choose(packages: Mapping[str, str]) -> str:
        nonlocal server, uri
        if not _needs_server(packages) and not home.has_odd_path:
            return home.tracking_uri
        if server is None:
            server, uri = _start(home)
        return uri

    try:
        yield choose
    finally:
        if server is not None:
            server.terminate()
            server.wait()


def server_command(home: Home, port: int) -> list[str]:
    """The command of an MLflow server on the store of ``home``, for this machine alone."""
    return [
        *(sys.executable, "-P", "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", home.tracking_uri),
        # Its clients write there themselves, so that runs need no server to be read later.
        *("--default-artifact-root", home.artifacts.as_uri()),
        *("--artifacts-destination", str(home.artifacts)),
    ]


def server_environment() -> dict[str, str]:
    """Without what nobody asks for here: it takes seconds and a gigabyte."""
    return os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def _needs_server(packages: Mapping[str, str]) -> bool:
    ours = importlib.metadata.version("mlflow")
    if "mlflow" in packages:
        return packages["mlflow"] != ours
    return "mlflow-skinny" in packages or "mlflow-tracing" in packages


def _start(home: Home) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home.logs / "mlflow-server.log"
    with open(log, "wb") as output:
        server = subprocess.Popen(
            server_command(home, port),
            env=server_environment(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    uri = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=2).close()  # noqa: S310 - loopback
            return server, uri
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    server.kill()
    raise RunFailed(
        Reason.TRACKING_UNREACHABLE, f"the local MLflow server does not start: see {log}"
    )
