"""A run as it goes on: its status and the logs of its pods, as events in one queue."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue

from retrain_cli.cluster.client import PLURAL, Cluster, ClusterError, Object, Unreachable
from retrain_cli.cluster.pod_log import ContainerLog, states
from retrain_cli.cluster.streams import Streams
from retrain_cli.cluster.versions import versions
from retrain_core.names import SOURCE_CONTAINER, TRAIN_CONTAINER
from retrain_core.spec import GROUP, VERSION


@dataclass(frozen=True)
class Seen:
    """The run has changed."""

    run: Object


@dataclass(frozen=True)
class Logged:
    """A container has written a line."""

    pod: str
    container: str
    line: str


@dataclass(frozen=True)
class LogEnded:
    """Nothing more will come of this pod's logs."""

    pod: str


@dataclass(frozen=True)
class Trouble:
    """Something does not work that may be worth knowing."""

    text: str


@dataclass(frozen=True)
class Lost:
    """The run can be followed no further."""

    error: ClusterError


Event = Seen | Logged | LogEnded | Trouble | Lost


END_SECONDS = 5.0
"""How long threads may take to end: one may be waiting for an answer that does not come."""


class Follower:
    """Looks at one run in threads of its own, until it is closed."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self.events: SimpleQueue[Event] = SimpleQueue()
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._streams = Streams()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._in_background(self._follow_run)

    def follow_pod(self, pod: str) -> None:
        self._in_background(partial(self._follow_pod, pod))

    def close(self) -> None:
        deadline = time.monotonic() + END_SECONDS
        while any(t.is_alive() for t in self._threads) and time.monotonic() < deadline:
            self._streams.end()
            for thread in self._threads:
                thread.join(0.05)

    def _in_background(self, work: Callable[[], None]) -> None:
        def body() -> None:
            try:
                work()
            except ClusterError as error:
                self.events.put(Lost(error))
            except Exception as error:
                # Unseen, it would leave the other side waiting for ever.
                self.events.put(Lost(ClusterError(f"{type(error).__name__}: {error}")))

        thread = threading.Thread(target=body, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _trouble(self, text: str) -> None:
        self.events.put(Trouble(text))

    def _follow_run(self) -> None:
        read = partial(self._cluster.read, self._namespace, self._name)
        listing = partial(
            self._cluster.custom.list_namespaced_custom_object,
            *(GROUP, VERSION, self._namespace, PLURAL),
        )
        for run in versions(read, listing, self._streams, self._trouble):
            self.events.put(Seen(run))
        self.events.put(Lost(ClusterError(f"TrainingRun {self._name} was deleted")))

    def _follow_pod(self, pod: str) -> None:
        try:
            self._read_logs(pod)
        except Unreachable as error:
            self._trouble(error.message)
        except ClusterError as error:
            self._trouble(f"the log cannot be shown: {error.message}")
        self.events.put(LogEnded(pod))

    def _read_logs(self, pod: str) -> None:
        read = partial(self._cluster.read_pod, self._namespace, pod)
        listing = partial(self._cluster.core.list_namespaced_pod, self._namespace)
        logs = {
            name: ContainerLog(self._cluster, self._streams, self._namespace, pod, name)
            for name in (SOURCE_CONTAINER, TRAIN_CONTAINER)
        }
        for seen in versions(read, listing, self._streams, self._trouble):
            now = states(seen)
            for name in list(logs):
                if now.get(name) in ("running", "terminated"):
                    self._read_log(logs[name], pod, name)
                if now.get(name) == "terminated":
                    # Read to its end: what ran before was followed, and this was one look more.
                    del logs[name]
            if not logs or seen.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                return

    def _read_log(self, log: ContainerLog, pod: str, container: str) -> None:
        try:
            for line in log.lines():
                self.events.put(Logged(pod, container, line))
        except Unreachable as error:
            # Its node does not answer; the pod's next version brings another try.
            self._trouble(error.message)
