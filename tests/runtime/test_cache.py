"""The store keeps the newest known version of everything, whatever order it is told in."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_core import names
from retrain_operator.kube import objects
from retrain_operator.kube.objects import (
    CRON_JOB,
    JOB,
    MAX_SPEC,
    POD,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Object,
)
from retrain_operator.plan.status import reason_of
from retrain_operator.runtime.cache import KINDS, Cache, key_of, schedule_of
from retrain_operator.runtime.trim import trimmed

KEY = ("ml", "iris")


def an_object(version: int, uid: str = "1", name: str = "iris", namespace: str = "ml") -> Object:
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}
    return {"metadata": metadata}


def a_pod(name: str, created: str, job: str = "job", run: str = "iris") -> Object:
    pod = an_object(1, uid=name, name=name)
    pod["metadata"] |= {
        "creationTimestamp": created,
        "labels": {names.JOB_LABEL: run},
        "ownerReferences": [{"uid": job, "controller": True}],
    }
    return pod


def test_a_pod_is_kept_under_the_run_it_names() -> None:
    assert key_of(POD, a_pod("iris-x7k2p", "2026-11-26T12:00:00Z")) == KEY
    assert key_of(POD, an_object(1, name="stray")) == ("ml", "stray")
    assert key_of(JOB, an_object(1)) == KEY


def test_what_is_put_is_found() -> None:
    cache = Cache()
    assert cache.put(TRAINING_RUN, an_object(1)) == KEY
    assert cache.run(KEY) == an_object(1)
    assert cache.job(KEY) is None
    assert cache.keys() == {KEY}
    assert [cache.count(kind) for kind in KINDS] == [1, 0, 0, 0, 0]


def test_what_nobody_reads_is_not_kept() -> None:
    cache, run = Cache(), an_object(1)
    run["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    cache.put(TRAINING_RUN, run)
    assert "managedFields" not in str(cache.run(KEY))


@pytest.mark.parametrize(("second", "kept"), [(1, 2), (2, 2), (3, 3)])
def test_an_older_version_replaces_no_newer_one(second: int, kept: int) -> None:
    cache = Cache()
    cache.put(TRAINING_RUN, an_object(2))
    cache.put(TRAINING_RUN, an_object(second))
    found = cache.run(KEY)
    assert found is not None
    assert objects.version(found) == kept


def test_versions_are_numbers() -> None:
    cache = Cache()
    cache.put(TRAINING_RUN, an_object(9))
    cache.put(TRAINING_RUN, an_object(10))
    assert cache.run(KEY) == an_object(10)


def test_an_object_that_took_the_place_of_another_is_the_one_that_is_found() -> None:
    for order in (1, -1):
        cache = Cache()
        for item in [an_object(5, "old"), an_object(7, "new")][::order]:
            cache.put(TRAINING_RUN, item)
        assert cache.run(KEY) == an_object(7, "new")
        cache.drop(TRAINING_RUN, an_object(6, "old"))
        assert cache.run(KEY) == an_object(7, "new")


def test_what_is_dropped_leaves_nothing_behind() -> None:
    cache = Cache()
    for kind in KINDS:
        cache.put(kind, an_object(1))
        assert cache.drop(kind, an_object(2)) == KEY
        assert (cache.count(kind), cache.all(kind)) == (0, [])
    assert cache.keys() == set()


def test_looking_for_what_is_not_there_leaves_nothing_behind() -> None:
    cache = Cache()
    cache.drop(TRAINING_RUN, an_object(1))
    assert (cache.run(KEY), cache.job(KEY), cache.pods(KEY, an_object(1))) == (None, None, [])
    assert cache.keys() == set()


@pytest.mark.parametrize("version", [1, 4, 5])
def test_an_answer_that_comes_after_the_deletion_brings_nothing_back(version: int) -> None:
    cache = Cache()
    cache.put(JOB, an_object(1))
    cache.drop(JOB, an_object(5))
    cache.put(JOB, an_object(version))
    assert cache.job(KEY) is None


def test_what_was_out_of_sight_and_comes_back_is_there_again() -> None:
    cache = Cache()
    cache.put(JOB, an_object(1))
    cache.drop(JOB, an_object(5))
    cache.put(JOB, an_object(6))
    assert cache.job(KEY) == an_object(6)


def test_the_pods_of_a_job_are_its_own_oldest_first() -> None:
    cache = Cache()
    pods = [
        a_pod("iris-b", "2026-11-26T12:00:00Z"),
        a_pod("iris-a", "2026-11-26T12:00:01Z"),
        a_pod("iris-c", "2026-11-26T12:00:01Z"),
        a_pod("iris-d", "2026-11-26T11:00:00Z", job="deleted"),
        a_pod("rose-a", "2026-11-26T11:00:00Z", run="rose"),
    ]
    for pod in reversed(pods):
        cache.put(POD, pod)
    assert cache.pods(KEY, an_object(1, "job")) == pods[:3]


def listed(cache: Cache, items: list[Object], version: int, *namespaces: str) -> set[object]:
    """Keys of what was new in a full listing, or gone."""
    new = [item for item in items if cache.take(JOB, item) is not None]
    uids = {objects.uid(item) for item in items}
    return {key_of(JOB, item) for item in (*new, *cache.close(JOB, namespaces, uids, version))}


def test_a_listing_brings_what_was_missed_and_takes_what_is_gone() -> None:
    cache = Cache()
    for item in (an_object(1), an_object(2, "2", "rose"), an_object(3, "3", "lily")):
        cache.put(JOB, item)
    items = [an_object(1), an_object(8, "2", "rose"), an_object(9, "4", "new")]
    changed = listed(cache, items, 10)
    assert changed == {("ml", "rose"), ("ml", "lily"), ("ml", "new")}
    assert sorted(objects.version(item) for item in cache.all(JOB)) == [1, 8, 9]


def test_a_listing_without_news_changes_nothing() -> None:
    cache = Cache()
    cache.put(JOB, an_object(1))
    assert listed(cache, [an_object(1)], 10) == set()


def test_what_came_while_the_listing_was_made_stays() -> None:
    cache = Cache()
    cache.put(JOB, an_object(11))
    cache.put(JOB, an_object(12, "2", "rose"))
    assert listed(cache, [an_object(9)], 10) == set()
    assert cache.count(JOB) == 2
    assert cache.job(KEY) == an_object(11)


def test_what_was_dropped_while_the_listing_was_made_stays_away() -> None:
    cache = Cache()
    cache.put(JOB, an_object(1))
    cache.drop(JOB, an_object(11))
    assert listed(cache, [an_object(1)], 10) == set()
    assert cache.count(JOB) == 0


def test_a_listing_of_one_namespace_says_nothing_about_others() -> None:
    cache = Cache()
    cache.put(JOB, an_object(1, namespace="ml"))
    cache.put(JOB, an_object(2, "2", namespace="other"))
    assert listed(cache, [], 10, "ml") == {KEY}
    assert cache.job(("other", "iris")) == an_object(2, "2", namespace="other")
    assert listed(cache, [], 10) == {("other", "iris")}


@dataclass
class Server:
    """Objects of one kind, and what a watch tells of them."""

    version: int = 0
    objects: dict[str, Object] = field(default_factory=dict)
    events: list[tuple[bool, Object]] = field(default_factory=list)

    def write(self, name: str) -> None:
        """Create it, or change it."""
        self.version += 1
        known = self.objects.get(name)
        uid = known["metadata"]["uid"] if known else f"uid-{self.version}"
        self.objects[name] = an_object(self.version, uid, name)
        self.events.append((False, self.objects[name]))

    def delete(self, name: str) -> None:
        if (known := self.objects.pop(name, None)) is not None:
            self.version += 1
            self.events.append((True, an_object(self.version, known["metadata"]["uid"], name)))


steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "delete", "tell", "miss", "list", "take"]),
        st.sampled_from(["iris", "rose"]),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(steps)
def test_whatever_was_missed_or_came_late_a_listing_puts_right(
    chosen: list[tuple[str, str]],
) -> None:
    server, cache = Server(), Cache()
    pages: tuple[int, list[Object]] = (0, [])
    for what, name in [*chosen, ("list", ""), ("tell", ""), ("take", "")]:
        if what == "write":
            server.write(name)
        elif what == "delete":
            server.delete(name)
        elif what == "miss" and server.events:
            server.events.pop(0)
        elif what == "tell":
            while server.events:
                gone, item = server.events.pop(0)
                cache.drop(JOB, item) if gone else cache.put(JOB, item)
        elif what == "list":
            # Taken later: in between the watch goes on.
            pages = (server.version, [*server.objects.values()])
        elif what == "take":
            listed(cache, pages[1], pages[0])
    assert {str(item) for item in cache.all(JOB)} == {str(i) for i in server.objects.values()}


def test_when_a_status_was_written_is_known_as_long_as_its_run() -> None:
    cache, at = Cache(), datetime(2026, 3, 2, tzinfo=UTC)
    cache.wrote(an_object(1), at)
    assert (cache.run(KEY), cache.written(an_object(2))) == (an_object(1), at)
    cache.drop(TRAINING_RUN, an_object(2))
    assert cache.written(an_object(2)) is None


def test_the_answer_to_a_write_that_comes_after_the_deletion_is_not_kept() -> None:
    cache = Cache()
    cache.drop(TRAINING_RUN, an_object(5))
    cache.wrote(an_object(4), datetime(2026, 3, 2, tzinfo=UTC))
    assert cache.written(an_object(4)) is None


def of(schedule: str | None, version: int, name: str = "iris-1") -> Object:
    """An object that says that it belongs to ``schedule``."""
    item = an_object(version, name, name)
    item["metadata"]["creationTimestamp"] = f"2026-11-26T12:00:0{version}Z"
    item["metadata"]["labels"] = {names.SCHEDULE_LABEL: schedule} if schedule else {}
    return item


def test_what_belongs_to_a_schedule_is_found_by_it_oldest_first() -> None:
    cache = Cache()
    for item in (of("iris", 3, "b"), of("iris", 2, "a"), of("rose", 1, "c"), of(None, 1, "d")):
        cache.put(JOB, item)
    assert [objects.name(job) for job in cache.of_schedule(JOB, KEY)] == ["a", "b"]
    cache.drop(JOB, of("iris", 4, "a"))
    assert [objects.name(job) for job in cache.of_schedule(JOB, KEY)] == ["b"]
    assert cache.of_schedule(TRAINING_RUN, KEY) == []


@pytest.mark.parametrize("schedule", ["rose", None])
def test_what_belongs_to_another_schedule_now_is_not_found_by_the_first(
    schedule: str | None,
) -> None:
    cache = Cache()
    cache.put(TRAINING_RUN, of("iris", 1))
    cache.put(TRAINING_RUN, of(schedule, 2))
    assert cache.of_schedule(TRAINING_RUN, KEY) == []


def test_a_clock_concerns_its_schedule_and_no_run() -> None:
    clock = of("iris", 1, "iris-weekly")
    assert key_of(CRON_JOB, clock) == ("ml", "iris-weekly")
    assert schedule_of(CRON_JOB, clock) == KEY
    assert schedule_of(RETRAIN_SCHEDULE, an_object(1)) == KEY
    assert schedule_of(JOB, an_object(1)) is None


def test_an_object_whose_label_changes_is_kept_once() -> None:
    cache = Cache()
    for number in range(1, 50):
        pod, clock = a_pod("p", "2026-11-26T12:00:00Z", run=f"run-{number}"), of(f"s-{number}", 1)
        for item in (pod, clock):
            item["metadata"]["resourceVersion"] = str(number)
        cache.put(POD, pod)
        cache.put(CRON_JOB, clock)
    assert (cache.count(POD), cache.count(CRON_JOB)) == (1, 1)
    assert cache.of_schedule(CRON_JOB, ("ml", "s-1")) == []
    assert len(cache.of_schedule(CRON_JOB, ("ml", "s-49"))) == 1


def test_what_a_user_nested_too_deep_to_be_walked_is_cut_and_the_rest_is_kept() -> None:
    deep: Object = {}
    for _ in range(5000):
        deep = {"x": deep}
    cache, run = Cache(), an_object(1)
    run["spec"] = {"dvc": {"params": {"a": deep, "b": 1}}}
    cache.put(TRAINING_RUN, run)
    found = cache.run(KEY)
    assert found is not None
    assert found["spec"]["dvc"]["params"]["b"] == 1
    assert len(json.dumps(found["spec"])) < 1000


@pytest.mark.parametrize("value", ["x" * MAX_SPEC, [[]] * 10_000, [1] * 10_000], ids=len)
def test_of_a_spec_that_is_too_large_only_what_can_be_changed_is_kept(value: Any) -> None:
    cache, run = Cache(), an_object(1)
    run["spec"] = {"source": {}, "cancel": True, "dvc": {"params": {"a": value}}}
    cache.put(TRAINING_RUN, run)
    found = cache.run(KEY)
    assert found is not None
    assert found["spec"] == {"cancel": True}
    assert "spec: would take" in str(objects.too_large(found))
    assert trimmed(TRAINING_RUN, found) == found


def test_of_a_run_that_has_ended_little_is_kept() -> None:
    cache, run = Cache(), an_object(1)
    run["spec"] = {"source": {}, "ttlSecondsAfterFinished": 5, "dvc": {"params": {"a": "x"}}}
    condition = {"type": "Succeeded", "status": "True", "reason": "Trained", "message": "m"}
    run["status"] = {
        "completionTime": "2026-11-26T12:00:00Z",
        "conditions": [condition],
        "metrics": [{"name": "f1", "value": "0.5"}],
    }
    cache.put(TRAINING_RUN, run)
    found = cache.run(KEY)
    assert found is not None
    assert found["spec"] == {"ttlSecondsAfterFinished": 5}
    assert set(found["status"]) == {"completionTime", "conditions"}
    assert reason_of(found["status"]) == "Trained"


def test_a_text_that_is_not_ours_is_kept_in_none_of_our_annotations() -> None:
    cache, run = Cache(), an_object(1)
    run["metadata"]["annotations"] = {
        names.FIRING_ANNOTATION: "x" * 100_000,
        names.JOB_UID_ANNOTATION: "uid",
    }
    cache.put(TRAINING_RUN, run)
    found = cache.run(KEY)
    assert found is not None
    assert objects.annotations(found) == {names.JOB_UID_ANNOTATION: "uid"}
