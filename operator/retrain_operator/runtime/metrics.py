"""What /metrics tells. One table: names, types, labels and help."""

import logging
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from retrain_operator.kube.objects import TRAINING_RUN, Key, Kind
from retrain_operator.plan.status import reason_of
from retrain_operator.runtime.cache import KINDS, Cache
from retrain_operator.runtime.queue import WorkQueue

logger = logging.getLogger(__name__)
Queues = Mapping[Kind, WorkQueue[Key]]
"""The work, by the kind that is worked on."""
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters that the parts of the operator fill."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "retrain_reconcile_total",
            "Passes over an object, by how they ended.",
            ("resource", "result"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "retrain_reconcile_seconds",
            "Time of one pass, API calls included.",
            ("resource",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.requests = Counter(
            "retrain_api_requests_total",
            "Requests to the API server; code 0 is no answer.",
            ("verb", "resource", "code"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "retrain_api_request_seconds",
            "Time of a request to the API server.",
            ("verb", "resource"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.repairs = Counter(
            "retrain_resync_repairs_total",
            "Keys that the periodic listing found changed and the watch had not told.",
            registry=self.registry,
        )
        self.aside = Counter(
            "retrain_objects_put_aside_total",
            "Times that an object could not be taken as it is; the log names it.",
            ("resource",),
            registry=self.registry,
        )

    def put_aside(self, kind: Kind, place: str, why: str) -> None:
        self.aside.labels(kind.plural).inc()
        logger.warning("put aside: %s", why, extra={"kind": kind.name, "key": place})

    def request(self, verb: str, kind: Kind, code: int, seconds: float) -> None:
        self.requests.labels(verb, kind.plural, str(code)).inc()
        self.request_seconds.labels(verb, kind.plural).observe(seconds)


class State(Collector):
    """What is now, told whenever /metrics is read."""

    def __init__(
        self,
        cache: Cache,
        queues: Queues,
        echo_lag: Callable[[], float],
        leads: Callable[[], bool],
    ) -> None:
        self._cache = cache
        self._queues = queues
        self._echo_lag = echo_lag
        self._leads = leads

    def collect(self) -> Iterator[GaugeMetricFamily]:
        depth = GaugeMetricFamily(
            "retrain_queue_depth", "Objects that wait to be looked at.", labels=("resource",)
        )
        oldest = GaugeMetricFamily(
            "retrain_queue_oldest_seconds", "Time the first of them waits.", labels=("resource",)
        )
        for kind, queue in self._queues.items():
            depth.add_metric((kind.plural,), queue.depth)
            oldest.add_metric((kind.plural,), queue.oldest)
        yield depth
        yield oldest
        yield GaugeMetricFamily(
            "retrain_watch_lag_seconds",
            "Age of the oldest status written that the watch has not told of.",
            self._echo_lag(),
        )
        known = GaugeMetricFamily(
            "retrain_store_objects", "Objects known, by kind.", labels=("resource",)
        )
        for kind in KINDS:
            known.add_metric((kind.plural,), self._cache.count(kind))
        yield known
        leads = self._leads()
        yield GaugeMetricFamily(
            "retrain_leader", "1 of the operator that acts, 0 of one that stands by.", int(leads)
        )
        if leads:
            # Of the cluster, not of this process: told twice, sums would be twice as high.
            yield self._runs()

    def _runs(self) -> GaugeMetricFamily:
        runs = GaugeMetricFamily(
            "retrain_training_runs",
            "TrainingRuns by namespace and the reason of their Succeeded condition.",
            labels=("namespace", "reason"),
        )
        tally = Tally(
            (run["metadata"]["namespace"], reason_of(run.get("status") or {}) or "")
            for run in self._cache.all(TRAINING_RUN)
        )
        for labels, count in tally.items():
            runs.add_metric(labels, count)
        return runs
