"""What the operator last saw of each object, by kind, key and uid.

It may lag behind the API server; what is absent from it may exist all the same.
"""

from collections.abc import Collection, Iterable
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
    """The TrainingRun that ``item`` is about, or the place of ``item`` itself."""
    name = objects.name(item)
    if kind is POD:
        name = objects.labels(item).get(names.JOB_LABEL, name)
    return objects.namespace(item), name


def schedule_of(kind: Kind, item: Object) -> Key | None:
    """The RetrainSchedule that ``item`` says it belongs to, or is."""
    if kind is RETRAIN_SCHEDULE:
        return key_of(kind, item)
    schedule = objects.labels(item).get(names.SCHEDULE_LABEL)
    return (objects.namespace(item), schedule) if schedule else None


class Cache:
    """Newest known versions; an older one never replaces a newer one."""

    def __init__(self) -> None:
        self._objects: dict[Kind, dict[Key, dict[str, Object]]] = {kind: {} for kind in KINDS}
        self._gone: dict[Kind, dict[str, int]] = {kind: {} for kind in KINDS}
        """Uid and last version of what was dropped since the last full listing."""
        self._keys: dict[Kind, dict[str, Key]] = {kind: {} for kind in KINDS}
        """By uid: a label, and with it the key, may change."""
        self._newest = dict.fromkeys(KINDS, 0)
        self._written: dict[str, datetime] = {}
        """By uid, of the runs that are known."""
        self._scheduled: dict[Kind, dict[Key, dict[str, Object]]] = {
            kind: {} for kind in (TRAINING_RUN, JOB, CRON_JOB)
        }
        """The same objects by the schedule they say they belong to."""

    def put(self, kind: Kind, item: Object) -> Key:
        """Keep ``item`` unless something newer is known; returns its key."""
        key, uid, version = key_of(kind, item), objects.uid(item), objects.version(item)
        known = self._known(kind, uid)
        self._newest[kind] = max(self._newest[kind], version)
        if version <= self._gone[kind].get(uid, -1):
            return key
        if known is None or objects.version(known) <= version:
            if known is not None:
                self._remove(kind, known)
            kept = trimmed(kind, item)
            self._objects[kind].setdefault(key, {})[uid] = kept
            self._keys[kind][uid] = key
            if (schedule := self._schedule_of(kind, kept)) is not None:
                self._scheduled[kind].setdefault(schedule, {})[uid] = kept
        return key

    def wrote(self, run: Object, at: datetime) -> None:
        """Keep the TrainingRun ``run``, whose status this process has written."""
        self.put(TRAINING_RUN, run)
        if self._known(TRAINING_RUN, objects.uid(run)) is not None:
            self._written[objects.uid(run)] = at

    def written(self, run: Object) -> datetime | None:
        """When this process last wrote the status of ``run``."""
        return self._written.get(objects.uid(run))

    def drop(self, kind: Kind, item: Object) -> Key:
        """Forget ``item``; returns its key."""
        uid = objects.uid(item)
        self._gone[kind][uid] = objects.version(item)
        self._newest[kind] = max(self._newest[kind], objects.version(item))
        self._written.pop(uid, None)
        if (known := self._known(kind, uid)) is not None:
            self._remove(kind, known)
        return key_of(kind, item)

    def take(self, kind: Kind, item: Object) -> Object | None:
        """Take ``item`` from a listing; what is kept of it if it was new, else None."""
        known = self._known(kind, objects.uid(item))
        if known is not None and objects.version(item) <= objects.version(known):
            return None
        self.put(kind, item)
        return self._known(kind, objects.uid(item))

    def close(
        self, kind: Kind, namespaces: Iterable[str], listed: Collection[str], version: int
    ) -> list[Object]:
        """Drop what a full listing of ``kind`` made at ``version`` has not; returns that.

        ``listed`` are the uids that were taken from it; ``namespaces`` are those it covers; empty:
        all. What is newer than the listing stays, and what was dropped while it was made stays
        away.
        """
        covered = set(namespaces)
        gone = [
            item
            for item in self.all(kind)
            if objects.uid(item) not in listed
            and objects.version(item) <= version
            and (not covered or objects.namespace(item) in covered)
        ]
        for item in gone:
            self.drop(kind, item)
        self._gone[kind].clear()
        return gone

    def newest(self, kind: Kind) -> int:
        """The highest version of ``kind`` that anybody has told of."""
        return self._newest[kind]

    def uids(self, kind: Kind) -> Collection[str]:
        return self._keys[kind].keys()

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

    def of_schedule(self, kind: Kind, key: Key) -> list[Object]:
        """What says that it belongs to the schedule ``key``, oldest first."""
        found = self._scheduled[kind].get(key, {}).values()
        return sorted(
            found, key=lambda item: (item["metadata"]["creationTimestamp"], objects.name(item))
        )

    def _youngest(self, kind: Kind, key: Key) -> Object | None:
        found = self._objects[kind].get(key, {}).values()
        return max(found, key=objects.version, default=None)

    def _known(self, kind: Kind, uid: str) -> Object | None:
        key = self._keys[kind].get(uid)
        return self._objects[kind][key][uid] if key is not None else None

    def _remove(self, kind: Kind, known: Object) -> None:
        uid = objects.uid(known)
        _take(self._objects[kind], self._keys[kind].pop(uid), uid)
        if (schedule := self._schedule_of(kind, known)) is not None:
            _take(self._scheduled[kind], schedule, uid)

    def _schedule_of(self, kind: Kind, item: Object) -> Key | None:
        return schedule_of(kind, item) if kind in self._scheduled else None


def _take(index: dict[Key, dict[str, Object]], key: Key, uid: str) -> None:
    """Take an object out of ``index``, and with the last one its key."""
    del index[key][uid]
    if not index[key]:
        del index[key]
