"""The operator's process, forked from one that has imported everything already.

An import of the operator takes two seconds; crash tables start hundreds of processes. What is
forked runs the same `main` as `python -P -m retrain_operator` in a process of its own, which can be
killed like any other.
"""

import importlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from cluster.components import tied_to_me
from control_plane.live import until

LISTENING = re.compile(r"listening on port (\d+)")
_FORKS = multiprocessing.get_context("forkserver")

Limits = dict[str, Any]
"""Constants by module:NAME: limits in seconds that a test cannot wait for."""


def warm_up() -> None:
    """Let the imports be done."""
    # `__main__` is pytest, which each child would else import anew.
    _FORKS.set_forkserver_preload(["__main__", "retrain_operator.__main__"])
    process = _FORKS.Process(target=_nothing)
    process.start()
    process.join()


def _nothing() -> None:
    """Runs in the child."""


def _operate(options: list[str], kubeconfig: Path, log: Path, limits: Limits) -> None:
    """Runs in the child."""
    from retrain_operator.__main__ import main

    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    descriptor = os.open(log, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    # The proxy speaks plain HTTP; to load all authorities takes half of a start.
    os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull
    for place, value in limits.items():
        module, _, constant = place.partition(":")
        setattr(importlib.import_module(module), constant, value)
    sys.argv = ["retrain-operator", *options, f"--kubeconfig={kubeconfig}"]
    main()


def _end_with_the_tests() -> None:
    tests = multiprocessing.parent_process()
    assert tests
    tests.join()
    os.kill(os.getpid(), signal.SIGKILL)


class Started(Protocol):
    """What multiprocessing's processes and subprocess's have in common."""

    @property
    def pid(self) -> int | None: ...

    def kill(self) -> None: ...

    def terminate(self) -> None: ...


class OperatorProcess:
    """From its start to its end, whoever ends it."""

    def __init__(
        self, started: Started, exit_code: Callable[[], int | None], log: Path, logged: int
    ) -> None:
        self._started = started
        self._exit_code = exit_code
        self._log = log
        self._logged = logged

    def kill(self) -> None:
        """Returns when it is dead."""
        self._started.kill()
        while self.alive:
            time.sleep(0.001)

    def terminate(self) -> None:
        self._started.terminate()

    def send(self, number: signal.Signals) -> None:
        assert self._started.pid
        os.kill(self._started.pid, number)

    @property
    def alive(self) -> bool:
        return self._exit_code() is None

    async def exit_code(self, seconds: float) -> int:
        """Once it has ended; negative: a signal."""
        await until(lambda: not self.alive, "the operator ends", seconds)
        code = self._exit_code()
        assert code is not None
        return code

    def peak(self) -> int:
        """The most bytes that were resident at once."""
        status = Path(f"/proc/{self._started.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+([0-9]+) kB$", status, re.MULTILINE)
        assert found
        return int(found[1]) * 1024

    async def port(self) -> int:
        """Of /healthz."""
        await until(lambda: LISTENING.search(self.log) or not self.alive, "the operator listens")
        found = LISTENING.search(self.log)
        assert found, f"the operator ended:\n{self.log}"
        return int(found[1])

    @property
    def log(self) -> str:
        """What this process has written."""
        if not self._log.exists():
            return ""
        with self._log.open("rb") as file:
            file.seek(self._logged)
            return file.read().decode(errors="replace")


def by_fork(options: list[str], kubeconfig: Path, log: Path, limits: Limits) -> OperatorProcess:
    """In milliseconds; ``limits`` hold for this process alone."""
    logged = _size(log)
    forked = _FORKS.Process(target=_operate, args=(options, kubeconfig, log, limits), daemon=True)
    forked.start()
    return OperatorProcess(forked, lambda: forked.exitcode, log, logged)


def by_command(options: list[str], kubeconfig: Path, log: Path, limits: Limits) -> OperatorProcess:
    """The command that the operator's image runs."""
    assert not limits
    logged = _size(log)
    command = [sys.executable, "-P", "-m", "retrain_operator", *options]
    with log.open("ab") as output:
        started = subprocess.Popen(
            tied_to_me(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        )
    return OperatorProcess(started, started.poll, log, logged)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0
