"""`retrain ui`: MLflow on the local store."""

import os
import sys
from pathlib import Path

from retrain_cli.home import Home
from retrain_cli.local_tracking import server_command, server_environment


def serve(source: Path, port: int) -> int:
    """Become MLflow's server on the store below .retrain/; returns only if there is none."""
    home = Home.of(source)
    if not (home.folder / "mlflow").is_dir():
        print(
            f"nothing was recorded in {home.source} yet: use `retrain run` first", file=sys.stderr
        )
        return 1
    print(f"MLflow is at http://127.0.0.1:{port} in a moment; stop it with Ctrl-C", file=sys.stderr)
    env = server_environment() | {"PYTHONWARNINGS": "ignore"}
    # In our place: whoever ends us ends the server.
    return os.execve(sys.executable, server_command(home, port), env)  # noqa: S606
