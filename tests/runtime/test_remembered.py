"""What a process remembers, and the patch that makes a CronJob what it should be."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plan.builders import NOW
from retrain_operator.kube.objects import Object
from retrain_operator.runtime.apply_schedule import exactly
from retrain_operator.runtime.remembered import Applied, Since

KEY = ("ml", "iris")
MINUTE = timedelta(minutes=1)


def a_clock(generation: int = 1, uid: str = "a") -> Object:
    return {"metadata": {"uid": uid, "generation": generation}}


def test_a_clock_that_this_process_has_not_applied_may_have_been_changed_before() -> None:
    applied = Applied()
    assert applied.altered(KEY, [a_clock(), a_clock(uid="b")], NOW) == {"a", "b"}
    applied.applied(KEY, a_clock(), None)
    assert applied.altered(KEY, [a_clock(), a_clock(uid="b")], NOW) == {"b"}
    applied.forget(KEY)
    assert applied.altered(KEY, [a_clock()], NOW) == {"a"}


def test_a_clock_of_another_generation_was_changed_and_is_put_right_at_once() -> None:
    applied = Applied()
    applied.applied(KEY, a_clock(2), None)
    assert applied.altered(KEY, [a_clock(3)], NOW) == {"a"}


@pytest.mark.parametrize(("later", "due"), [(0.5, set()), (1, {"a"}), (-90, {"a"})])
def test_a_clock_that_somebody_keeps_on_changing_is_put_right_once_a_minute(
    later: float, due: set[str]
) -> None:
    applied = Applied()
    applied.applied(KEY, a_clock(2), repaired=NOW)
    assert applied.altered(KEY, [a_clock(3)], NOW + later * MINUTE) == due


def test_what_is_awaited_counts_from_when_it_was_first_seen_and_anew_when_it_is_another() -> None:
    minutes = 0
    since = Since(lambda: minutes * 60.0)
    looks = [("a", 0, 0), ("a", 1, 0), ("b", 2, 2), ("b", 3, 2), (None, 4, None), ("b", 5, 5)]
    for what, minutes, expected in looks:
        first = None if expected is None else NOW + expected * MINUTE
        assert since.of(KEY, what, NOW + minutes * MINUTE) == first


def test_what_is_awaited_counts_though_somebody_sets_the_clock() -> None:
    seconds = 0.0
    since = Since(lambda: seconds)
    since.of(KEY, "a", NOW)
    seconds = 60.0
    for set_by in (timedelta(days=1), timedelta(days=-1)):
        assert since.of(KEY, "a", NOW + set_by) == NOW + set_by - MINUTE


plain = st.recursive(
    st.integers() | st.text(max_size=2) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
specs = st.dictionaries(st.sampled_from("abc"), plain, max_size=3)


@given(specs, specs)
def test_what_is_there_besides_what_is_wanted_goes(live: Object, wanted: Object) -> None:
    assert merged(live, exactly(live, wanted)) == wanted


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found
