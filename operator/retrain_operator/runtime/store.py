"""What the operator last saw of each object, by kind, key and uid.

It may lag behind the API server; what is absent from it may exist all the same.
"""

from collections.abc import Iterable
from datetime import datetime

from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.objects import (
    CRON_JOB,
    JOB,
    POD,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Key,
    Kind,
    Object,
)
from retrain_operator.runtime.trim import trimmed

KINDS = (TRAINING_RUN, JOB, POD, RETRAIN_SCHEDULE, CRON_JOB)


def key_of(kind: Kind, item: Object) -> Key:
    """The TrainingRun that ``item`` is about; for a schedule and its clocks, the schedule."""
    name = objects.name(item)
    if kind is POD:
        name = objects.labels(item).get(names.JOB_LABEL, name)
    if kind is CRON_JOB:
        name = objects.labels(item).get(names.SCHEDULE_LABEL, name)
    return objects.namespace(item), name


def schedule_of(kind: Kind, item: Object) -> Key | None:
    """The RetrainSchedule that ``item`` says it belongs to, or is."""
    if kind is RETRAIN_SCHEDULE:
        return key_of(kind, item)
    schedule = objects.labels(item).get(names.SCHEDULE_LABEL)
    return (objects.namespace(item), schedule) if schedule else None


class Store:
    """Newest known versions; an older one never replaces a newer one."""

    def __init__(self) -> None:
        self._objects: dict[Kind, dict[Key, dict[str, Object]]] = {kind: {} for kind in KINDS}
        self._gone: dict[Kind, dict[str, int]] = {kind: {} for kind in KINDS}
        """Uid and last version of what was dropped since the last full listing."""
        self._written: dict[str, datetime] = {}
        """By uid, of the runs that are known."""
        self._scheduled: dict[Kind, dict[Key, dict[str, Object]]] = {TRAINING_RUN: {}, JOB: {}}
        """The same objects by the schedule they say they belong to."""

    def put(self, kind: Kind, item: Object) -> Key:
        """Keep ``item`` unless something newer is known; returns its key."""
        key, uid, version = key_of(kind, item), objects.uid(item), objects.version(item)
        known = self._objects[kind].get(key, {}).get(uid)
        if version <= self._gone[kind].get(uid, -1):
            return key
        if known is None or objects.version(known) <= version:
            if known is not None:
                self._unlist(kind, known)
            kept = trimmed(kind, item)
            self._objects[kind].setdefault(key, {})[uid] = kept
            self._list(kind, kept)
        return key

    def wrote(self, run: Object, at: datetime) -> None:
        """Keep the TrainingRun ``run``, whose status this process has written."""
        key = self.put(TRAINING_RUN, run)
        if objects.uid(run) in self._objects[TRAINING_RUN].get(key, {}):
            self._written[objects.uid(run)] = at

    def written(self, run: Object) -> datetime | None:
        """When this process last wrote the status of ``run``."""
        return self._written.get(objects.uid(run))

    def drop(self, kind: Kind, item: Object) -> Key:
        """Forget ``item``; returns its key."""
        key = key_of(kind, item)
        self._gone[kind][objects.uid(item)] = objects.version(item)
        self._written.pop(objects.uid(item), None)
        known = self._objects[kind].get(key)
        if known is not None:
            if (last := known.pop(objects.uid(item), None)) is not None:
                self._unlist(kind, last)
            if not known:
                del self._objects[kind][key]
        return key

    def replace(
        self, kind: Kind, namespaces: Iterable[str], listed: Iterable[Object], version: int
    ) -> list[Object]:
        """Take a full listing of ``kind`` made at ``version``; returns what was new in it or gone.

        ``namespaces`` are those it covers; empty: all. What is newer than the listing stays, and
        what was dropped while it was made stays away.
        """
        changed = []
        uids = set()
        for item in listed:
            uids.add(objects.uid(item))
            known = self._objects[kind].get(key_of(kind, item), {}).get(objects.uid(item))
            if objects.version(item) <= self._gone[kind].get(objects.uid(item), -1):
                continue
            if known is None or objects.version(known) < objects.version(item):
                self.put(kind, item)
                changed.append(item)
        covered = set(namespaces)
        for item in self.all(kind):
            gone = objects.uid(item) not in uids and objects.version(item) <= version
            if gone and (not covered or objects.namespace(item) in covered):
                self.drop(kind, item)
                changed.append(item)
        self._gone[kind].clear()
        return changed

    def run(self, key: Key) -> Object | None:
        """The TrainingRun of ``key``: the youngest where one has replaced another."""
        return self._youngest(TRAINING_RUN, key)

    def job(self, key: Key) -> Object | None:
        return self._youngest(JOB, key)

    def pods(self, key: Key, job: Object) -> list[Object]:
        """The pods of ``job``, oldest first."""
        found = self._objects[POD].get(key, {}).values()
        mine = [pod for pod in found if objects.controlled_by(pod, job)]
        return sorted(
            mine, key=lambda pod: (pod["metadata"]["creationTimestamp"], objects.name(pod))
        )

    def all(self, kind: Kind) -> list[Object]:
        return [item for known in self._objects[kind].values() for item in known.values()]

    def count(self, kind: Kind) -> int:
        return sum(len(known) for known in self._objects[kind].values())

    def keys(self, kind: Kind = TRAINING_RUN) -> set[Key]:
        return set(self._objects[kind])

    def schedule(self, key: Key) -> Object | None:
        """The RetrainSchedule of ``key``: the youngest where one has replaced another."""
        return self._youngest(RETRAIN_SCHEDULE, key)

    def cron_jobs(self, key: Key) -> list[Object]:
        """Those that say they are clocks of the schedule ``key``."""
        return [*self._objects[CRON_JOB].get(key, {}).values()]

    def of_schedule(self, kind: Kind, key: Key) -> list[Object]:
        """The runs or Jobs that say they belong to the schedule ``key``, oldest first."""
        found = self._scheduled[kind].get(key, {}).values()
        return sorted(
            found, key=lambda item: (item["metadata"]["creationTimestamp"], objects.name(item))
        )

    def _youngest(self, kind: Kind, key: Key) -> Object | None:
        found = self._objects[kind].get(key, {}).values()
        return max(found, key=objects.version, default=None)

    def _list(self, kind: Kind, item: Object) -> None:
        if kind in self._scheduled and (key := schedule_of(kind, item)) is not None:
            self._scheduled[kind].setdefault(key, {})[objects.uid(item)] = item

    def _unlist(self, kind: Kind, item: Object) -> None:
        if kind in self._scheduled and (key := schedule_of(kind, item)) is not None:
            mine = self._scheduled[kind][key]
            mine.pop(objects.uid(item), None)
            if not mine:
                del self._scheduled[kind][key]
