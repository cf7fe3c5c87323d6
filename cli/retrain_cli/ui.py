"""`retrain ui`: MLflow on the local store."""

import os
import sys
from pathlib import Path

from retrain_cli.home import Home


def serve(source: Path, port: int) -> int:
    """Become MLflow's server on the store below .retrain/; returns only if there is none."""
    home = Home.of(source)
    if not (home.folder / "mlflow").is_dir():
        print(
            f"nothing was recorded in {home.source} yet: use `retrain run` first", file=sys.stderr
        )
        return 1
    print(f"MLflow is at http://127.0.0.1:{port} in a moment; stop it with Ctrl-C", file=sys.stderr)
    command = [
        *(sys.executable, "-P", "-m", "mlflow", "server", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", home.tracking_uri),
        *("--artifacts-destination", str(home.folder / "mlflow" / "artifacts")),
    ]
    env = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
    # In our place: whoever ends us ends the server.
    return os.execve(sys.executable, command, env)  # noqa: S606
