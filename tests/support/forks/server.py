"""The process that programs are forked from: python -P server.py SOCKET

For each call it forks a keeper, which forks the program, tells how it ended, and kills it if nobody
waits for it any more.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

IMPORTED = (
    # What ours imports at its top, and what theirs imports later.
    *("retrain_trainer.pod", "retrain_trainer.check.pod", "retrain_trainer.check.champion"),
    *("retrain_trainer.check.data", "retrain_trainer.check.drift"),
    *("retrain_cli.main", "retrain_cli.run", "retrain_cli.check", "retrain_cli.pull"),
    *("retrain_cli.submit", "retrain_cli.local_tracking"),
    *("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"),
    *("mlflow.tracking.request_header.registry", "alembic.command", "pyarrow.pandas_compat"),
    *("dvc.cachemgr", "dvc.data_cloud", "dvc.render.convert", "dvc.repo.experiments"),
    *("dvc.repo.index", "dvc.repo.plots", "dvc.repo.worktree", "dvc.rwlock", "dvc.scm", "dvc_s3"),
    *("networkx", "scmrepo.git"),
)


def serve(address: str) -> Callable[[], None]:
    """Returns in each forked program what it is to do."""
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    # Nobody waits for keepers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        print("ready", flush=True)
        while True:
            client, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return _keep(client)
            client.close()


def _keep(client: socket.socket) -> Callable[[], None]:
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    order = json.loads(client.makefile().readline())
    pid = os.fork()
    if pid == 0:
        client.close()
        return _become(order, streams)
    client.sendall(f"{pid}\n".encode())
    ended = os.pidfd_open(pid)
    ready, _, _ = select.select([ended, client.fileno()], [], [])
    if ended not in ready:
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):
                kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(order: dict[str, Any], streams: list[int]) -> Callable[[], None]:
    """This process, made into the program's."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    main: Callable[[], None] = importlib.import_module(order["module"]).main
    sys.argv = ["retrain", *order["arguments"]]
    return main


def _exit_code(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    return 0


def _end(code: int) -> None:
    """As an interpreter does, but for the destruction of all that was imported: half a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _end(_exit_code(serve(sys.argv[1])))
