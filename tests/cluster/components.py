"""The processes of a cluster: started, waited for, started again when they end."""

import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from servers.process import log_tail

POLL_SECONDS = 0.05
READY_SECONDS = 300
RESTART_SECONDS = 1.0


class ClusterFailed(Exception):
    """A cluster did not come up; the message ends with the last lines of the log that tells why."""


def tied_to_me(command: Sequence[str]) -> list[str]:
    """The command, killed by the kernel when the process that starts it ends however it ends."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *command]


@dataclass(frozen=True)
class Place:
    """Where the processes run: the host, or the namespaces that the process `holder` keeps."""

    holder: int | None = None

    def command(self, argv: Sequence[str]) -> list[str]:
        if self.holder is None:
            return list(argv)
        namespaces = ["--net", "--mount", "--pid"]
        return ["nsenter", "--target", str(self.holder), *namespaces, "--", *argv]

    def succeeds(self, *argv: str | Path) -> bool:
        command = self.command([str(argument) for argument in argv])
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Component:
    name: str
    command: Sequence[str]
    ready: Callable[[], bool] = lambda: True
    sockets: tuple[int, ...] = ()


class Crew:
    """All components of one cluster."""

    def __init__(self, place: Place, logs: Path, environment: dict[str, str]) -> None:
        self.place = place
        self._logs = logs
        self._environment = environment
        self._running: dict[str, tuple[Component, subprocess.Popen[bytes]]] = {}

    def start(self, *components: Component) -> None:
        """Starts them together; returns once all are ready. Raises ClusterFailed."""
        for component in components:
            self._start(component)
        deadline = time.monotonic() + READY_SECONDS
        for component in components:
            self._wait(component, deadline)

    def pids(self) -> dict[str, int]:
        """As the host sees them, the component itself and not what entered its namespaces."""
        return {name: self._own_pid(process) for name, (_, process) in self._running.items()}

    def tend(self, ends: Sequence[int]) -> bool:
        """Starts what ends again. False: one of `ends`, which are pidfds, is the end of it all."""
        handles = {
            os.pidfd_open(process.pid): component for component, process in self._running.values()
        }
        try:
            ended, _, _ = select.select([*handles, *ends], [], [])
        finally:
            for handle in handles:
                os.close(handle)
        if set(ended) & set(ends):
            return False
        for handle in ended:
            self._restart(handles[handle])
        return True

    def kill(self) -> None:
        for _, process in self._running.values():
            process.kill()
        for _, process in self._running.values():
            process.wait()

    def _start(self, component: Component) -> None:
        with (self._logs / f"{component.name}.log").open("ab") as log:
            process = subprocess.Popen(
                tied_to_me(self.place.command(component.command)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                pass_fds=component.sockets,
                start_new_session=True,
            )
        self._running[component.name] = component, process

    def _wait(self, component: Component, deadline: float) -> None:
        _, process = self._running[component.name]
        log = self._logs / f"{component.name}.log"
        while not component.ready():
            if process.poll() is not None:
                raise ClusterFailed(f"{component.name} ended:\n{log_tail(log)}")
            if time.monotonic() > deadline:
                raise ClusterFailed(f"{component.name} does not get ready:\n{log_tail(log)}")
            time.sleep(POLL_SECONDS)

    def _restart(self, component: Component) -> None:
        _, process = self._running[component.name]
        print(f"{component.name} ended with {process.wait()}, starts again", flush=True)
        # A component that cannot start shall not take a whole core.
        time.sleep(RESTART_SECONDS)
        self._start(component)

    def _own_pid(self, process: subprocess.Popen[bytes]) -> int:
        """What enters other namespaces has the component as its one child, a moment later."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while self.place.holder and process.poll() is None:
            found = children.read_text().split()
            if found:
                return int(found[0])
            time.sleep(POLL_SECONDS)
        return process.pid
