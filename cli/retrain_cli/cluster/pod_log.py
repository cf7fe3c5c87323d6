"""The log of a run's pod: each container's from its start to its end, then told as progress."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import get_args

import urllib3.exceptions

from retrain_cli.cluster.client import CONNECT_SECONDS, Cluster, Object
from retrain_cli.cluster.streams import Streams
from retrain_core.names import SOURCE_CONTAINER, TRAIN_CONTAINER
from retrain_core.result import StageState
from retrain_trainer.report import OUTPUT_MARK, Reporter

SILENT_SECONDS = 3600
"""A stage may be silent this long before its log is asked for anew."""
_STARTED = re.compile(r"--> stage (?P<name>.+) \((?P<number>[0-9]{1,9})/(?P<total>[0-9]{1,9})\)")
_ENDED = re.compile(
    rf"<-- stage (?P<name>.+): (?P<state>{'|'.join(get_args(StageState))})"
    r" in (?P<seconds>[0-9]{1,9}\.[0-9]) s"
)


class Replay:
    """Lines that the trainer's LogReporter has written, told to another reporter."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def line(self, text: str) -> None:
        if text.startswith(OUTPUT_MARK):
            self._reporter.stage_output(text.removeprefix(OUTPUT_MARK))
        elif ended := _ENDED.fullmatch(text):
            self._reporter.stage_ended(
                ended["name"],
                ended["state"],  # type: ignore[arg-type]
                float(ended["seconds"]),
            )
        elif started := _STARTED.fullmatch(text):
            self._reporter.stage_started(
                started["name"], int(started["number"]), int(started["total"])
            )
        elif text.startswith("==> "):
            self._reporter.step(text.removeprefix("==> "))
        elif text.startswith("WARNING: "):
            self._reporter.warn(text.removeprefix("WARNING: "))
        elif text.startswith("    "):
            self._reporter.note(text.strip())
        else:
            self._reporter.stage_output(text)


class ContainerLog:
    """One container's log, taken up again where it broke off."""

    def __init__(
        self, cluster: Cluster, streams: Streams, namespace: str, pod: str, container: str
    ) -> None:
        self._cluster = cluster
        self._streams = streams
        self._namespace = namespace
        self._pod = pod
        self._container = container
        self._last = ""

    def lines(self) -> Iterator[str]:
        """Lines not told before, until the container or the connection ends.

        Raises:
            ClusterError: the log cannot be read.
        """
        # Times are of fixed width, so the last one told says where to go on.
        for line in self._stamped():
            stamp, _, text = line.partition(" ")
            if stamp > self._last:
                self._last = stamp
                yield text

    def _stamped(self) -> Iterator[str]:
        # What was silent for long, or broke off, is taken up again.
        broken = suppress(urllib3.exceptions.ReadTimeoutError, urllib3.exceptions.ProtocolError)
        with self._cluster.told(self._namespace), broken:
            yield from self._streams.read(
                self._cluster.core.read_namespaced_pod_log,
                self._pod,
                self._namespace,
                container=self._container,
                timestamps=True,
                _request_timeout=(CONNECT_SECONDS, SILENT_SECONDS),
            )


def states(pod: Object) -> dict[str, str]:
    """Container -> `waiting`, `running` or `terminated`, for those of a run that have a state."""
    status = pod.get("status", {})
    listed = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return {
        item["name"]: next(iter(item["state"]))
        for item in listed
        if item["name"] in (SOURCE_CONTAINER, TRAIN_CONTAINER) and item.get("state")
    }
