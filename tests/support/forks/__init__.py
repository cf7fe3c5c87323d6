"""Our programs in processes forked from one that has imported MLflow, DVC and the rest already.

Each would else spend seconds of a core on imports before its first line, several hundred times.
What is forked runs the same ``main`` in a process, session and environment of its own. That the
programs start from nothing too is seen in the images, on the pages, in tests/cli/test_program.py
and in tests/check/test_pod.py.
"""

import atexit
import functools
import subprocess
import sys
import tempfile
from pathlib import Path

from cluster.components import tied_to_me

_HERE = Path(__file__).parent
TRAINER = "retrain_trainer.__main__"
RETRAIN = "retrain_cli.main"


def program(module: str) -> list[str]:
    """The beginning of a command that runs ``main`` of TRAINER or RETRAIN.

    It takes arguments, variables, folder, standard streams, SIGINT and SIGTERM as the program
    itself would, and ends with its exit code. Who kills it kills the program a moment later.
    """
    return [sys.executable, "-I", "-S", str(_HERE / "client.py"), str(_server()), module]


def trainer(*, forked: bool) -> list[str]:
    """The beginning of the command of our containers, as a program or started from nothing."""
    return program(TRAINER) if forked else [sys.executable, "-P", "-m", "retrain_trainer"]


@functools.cache
def _server() -> Path:
    """The socket of the process to fork from; it lives as long as this one."""
    folder = tempfile.TemporaryDirectory(prefix="forks-")
    atexit.register(folder.cleanup)
    address = Path(folder.name, "socket")
    started = subprocess.Popen(
        tied_to_me([sys.executable, "-P", str(_HERE / "server.py"), str(address)]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline(), "the process to fork from has ended"
    return address
