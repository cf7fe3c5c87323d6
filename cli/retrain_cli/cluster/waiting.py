"""`--wait`: what a run does, shown until it has ended."""

import time
from queue import Empty

from retrain_cli.cluster.client import Object
from retrain_cli.cluster.ending import Standing
from retrain_cli.cluster.follower import (
    Event,
    Follower,
    LogEnded,
    Logged,
    Lost,
    Seen,
    Trouble,
)
from retrain_cli.cluster.pod_log import Replay
from retrain_trainer.report import Reporter

OPERATOR_SECONDS = 10.0
"""An operator that is there has looked at a new run after this long."""
HEED_SECONDS = 0.5
"""A wait that a signal has come just before is not ended by it."""
LOG_SECONDS = 10.0
"""How long the end of the log may take after the end of the run."""


class TimedOut(Exception):
    """The run has not ended in time."""


class Waiting:
    """One run that is being waited for; may be gone on with after an interruption."""

    def __init__(
        self, run: Object, follower: Follower, reporter: Reporter, timeout: float | None
    ) -> None:
        self.run = run
        self._follower = follower
        self._reporter = reporter
        now = time.monotonic()
        self._deadline = None if timeout is None else now + timeout
        self._operator_due: float | None = now + OPERATOR_SECONDS
        self._log_due: float | None = None
        self._pod: str | None = None
        """The pod whose log is being shown; None: there was none, or all of it was shown."""
        self._followed: set[str] = set()
        self._replays: dict[tuple[str, str], Replay] = {}
        self._said: str | None = None

    def to_end(self) -> Standing:
        """How the run has ended.

        Raises:
            TimedOut: it has not within the timeout.
            ClusterError: it can be followed no further.
        """
        while True:
            standing = Standing.of(self.run)
            if standing is not None and standing.ended and self._log_is_over():
                return standing
            try:
                event = self._follower.events.get(timeout=self._patience())
            except Empty:
                self._look_at_clock()
            else:
                self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Seen(run):
                self.run = run
                self._show_status()
            case Logged(pod, container, line):
                place = (pod, container)
                replay = self._replays.setdefault(place, Replay(self._reporter))
                replay.line(line)
            case LogEnded(pod):
                if pod == self._pod:
                    self._pod = None
            case Trouble(text):
                self._reporter.warn(text)
            case Lost(error):
                raise error

    def _show_status(self) -> None:
        standing = Standing.of(self.run)
        if standing is None:
            return
        self._operator_due = None
        if not standing.ended and str(standing) != self._said:
            self._said = str(standing)
            if standing.outcome is None:
                self._reporter.note(self._said)
            else:
                # Something hinders the run, and a person may have to help.
                self._reporter.warn(f"{self._said}. {standing.remedy}")
            self._reporter.step(standing.reason)
        status = self.run["status"]
        pod = status.get("podName")
        if pod and pod not in self._followed:
            if self._followed:
                self._reporter.note(f"attempt {status.get('attempts', len(self._followed) + 1)}")
            self._followed.add(pod)
            self._pod = pod
            self._follower.follow_pod(pod)

    def _log_is_over(self) -> bool:
        if self._pod is None:
            return True
        now = time.monotonic()
        if self._log_due is None:
            self._log_due = now + LOG_SECONDS
        return now >= self._log_due

    def _patience(self) -> float:
        """Seconds until the clock, or a signal that came just before the wait, is looked at."""
        dues = [self._log_due] if self._log_due else [self._deadline, self._operator_due]
        waiting = [due - time.monotonic() for due in dues if due is not None]
        return max(0.0, min([*waiting, HEED_SECONDS]))

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        if self._operator_due is not None and now >= self._operator_due:
            self._operator_due = None
            namespace = self.run["metadata"]["namespace"]
            self._reporter.warn(
                f"no operator has looked at it for {OPERATOR_SECONDS:.0f} s: is Retrain installed,"
                f" and does it watch namespace {namespace}? (kubectl get pods --all-namespaces"
                " --selector app.kubernetes.io/name=retrain)"
            )
        if self._deadline is not None and now >= self._deadline and self._log_due is None:
            raise TimedOut
