"""MLflow: one `mlflow server` worker over SQLite that takes artifacts through itself."""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.process import serving

START_SECONDS = 120.0


@dataclass(frozen=True)
class MlflowServer:
    uri: str
    log: Path


@contextmanager
def mlflow_server(
    folder: Path, *, allowed_hosts: Sequence[str] | None = None
) -> Iterator[MlflowServer]:
    """`allowed_hosts` without 127.0.0.1 makes every API call a 403 while /health stays green."""
    folder = folder.resolve()
    artifacts = folder / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    log = folder / "mlflow.log"
    hosts = allowed_hosts or ["127.0.0.1", "127.0.0.1:*", "localhost", "localhost:*"]

    def command(port: int) -> Sequence[str]:
        server = [sys.executable, "-P", "-m", "mlflow", "server", "--workers", "1"]
        listen = ["--host", "127.0.0.1", "--port", str(port), "--allowed-hosts", ",".join(hosts)]
        store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
        return [*server, *listen, *store, "--artifacts-destination", str(artifacts)]

    with serving(
        command, ready=_healthy, log=log, env=_environment(), timeout=START_SECONDS
    ) as port:
        yield MlflowServer(f"http://127.0.0.1:{port}", log)


def _environment() -> dict[str, str]:
    # A developer's MLFLOW_* would otherwise decide about stores and hosts.
    own = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {
        **own,
        # Half the memory and half the time to start.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONUNBUFFERED": "1",
    }


def _healthy(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/health", timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
