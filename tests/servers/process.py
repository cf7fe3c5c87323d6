"""Server processes: started, waited for, and ended together with the children they made."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

STOP_SECONDS = 10.0
POLL_SECONDS = 0.05
ATTEMPTS = 3


class ServerFailed(Exception):
    """A server did not come up; the message ends with the last lines of its log."""


def free_port() -> int:
    """A port nothing listens on, below the range from which outgoing connections get theirs."""
    while True:
        port = random.SystemRandom().randrange(20000, 32768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def log_tail(log: Path, lines: int = 30) -> str:
    if not log.exists():
        return f"(no {log})"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def serving(
    command: Callable[[int], Sequence[str]],
    *,
    ready: Callable[[int], bool],
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> Iterator[int]:
    """Runs `command(port)` until the block ends; gives the port once `ready(port)` holds."""
    for attempt in range(1, ATTEMPTS + 1):
        port = free_port()
        process = _start(command(port), log, env)
        try:
            if not _came_up(process, partial(ready, port), log, timeout):
                # Another process may have taken the port in between.
                if attempt < ATTEMPTS:
                    continue
                raise ServerFailed(f"{command(port)[0]} ended at once:\n{log_tail(log)}")
            yield port
            return
        finally:
            _end(process)


def _start(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )


def _came_up(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, timeout: float
) -> bool:
    deadline = time.monotonic() + timeout
    while not ready():
        if _ended(process):
            return False
        if time.monotonic() > deadline:
            raise ServerFailed(f"not ready after {timeout:.0f} s:\n{log_tail(log)}")
        time.sleep(POLL_SECONDS)
    return not _ended(process)


def _ended(process: subprocess.Popen[bytes]) -> bool:
    # WNOWAIT leaves the process unreaped, so that its group id cannot pass to somebody else.
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while not _ended(process) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
