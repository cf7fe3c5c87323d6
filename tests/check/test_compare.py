"""Today's table against a profile: scores and outcomes."""

import json
import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retrain_core.spec.training_run import Profile
from retrain_core.verdict.drift import FLOOR
from retrain_trainer.check.compare import Compared, compare, in_order
from retrain_trainer.check.reference import Reference, parse_reference
from retrain_trainer.profile import as_json, profile


def reference(table: pd.DataFrame) -> Reference:
    return parse_reference(as_json(profile(table, Profile(path="data.csv"))), 1)


def compared(before: Any, now: Any) -> Compared:
    """One column, of training and of today."""
    (found,) = compare(
        pd.DataFrame({"x": now}), reference(pd.DataFrame({"x": before})), lambda name: True
    )
    return found


NUMBERS = list(range(100))
TEXTS = ["a", "b"] * 50


@pytest.mark.parametrize(
    ("before", "now", "outcome"),
    [
        (NUMBERS, NUMBERS, "Scored"),
        (NUMBERS, [7] * 10, "Constant"),
        (NUMBERS, [None] * 10, "AllNull"),
        (NUMBERS, [math.inf] * 10, "AllNull"),
        (NUMBERS, TEXTS, "Retyped"),
        (TEXTS, NUMBERS, "Retyped"),
        (TEXTS, ["a"] * 10, "Constant"),
        (TEXTS, [None] * 10, "AllNull"),
        ([7] * 10, [7] * 10, "Scored"),
        ([7] * 10, [8] * 10, "Scored"),
        ([None] * 10, NUMBERS, "Scored"),
        ([None] * 10, [None] * 10, "Scored"),
        ([f"id{n}" for n in range(100)], ["a"] * 10, "Unique"),
        ([datetime(2026, 1, 1 + n) for n in range(28)], [datetime(2026, 2, 1)] * 5, "Unique"),
        ([True, False] * 10, [True] * 20, "Constant"),
        ([2**70, 2**71] * 10, [2**70] * 20, "Constant"),
        ([[1], [2]] * 10, [[1], [3]] * 10, "Scored"),
        (["a", 1, None, 2.5] * 10, ["a", 1, None, 2.5] * 10, "Scored"),
    ],
)
def test_what_has_become_of_a_column_is_an_outcome(before: Any, now: Any, outcome: str) -> None:
    assert compared(before, now).outcome == outcome


@pytest.mark.parametrize("values", [NUMBERS, TEXTS, [7.0] * 5, [None] * 5, [None, 1, 2, 2] * 9])
def test_the_same_data_have_not_drifted(values: Any) -> None:
    assert compared(values, values).psi == pytest.approx(0)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([7.0] * 100, [7.0] * 50 + [8.0] * 50),
        (NUMBERS, [n + 50 for n in NUMBERS]),
        (TEXTS, ["a"] * 90 + ["b"] * 10),
        (TEXTS, ["a", "b", "c", "d"] * 25),
        (NUMBERS, [None if n % 2 else n for n in NUMBERS]),
        ([None] * 100, NUMBERS),
        # Most are one value: the quantiles alone would not tell it from the rest.
        ([0] * 950 + list(range(50)), list(range(1000))),
        ([50] * 950 + list(range(50)), list(range(50)) * 20),
    ],
)
def test_other_data_have(before: Any, now: Any) -> None:
    found = compared(before, now)
    assert found.psi is not None
    assert found.psi > 0.2
    assert found.has_drifted(0.2)


def test_a_lost_column_has_drifted_and_a_new_one_is_not_judged() -> None:
    before, now = (
        pd.DataFrame({"a": NUMBERS, "b": NUMBERS}),
        pd.DataFrame({"a": NUMBERS, "c": TEXTS}),
    )
    found = {one.name: one for one in compare(now, reference(before), lambda name: True)}
    assert {name: one.outcome for name, one in found.items()} == {
        "a": "Scored",
        "b": "Lost",
        "c": "New",
    }
    assert found["b"].has_drifted(0.2)
    assert not found["c"].is_judged


def test_columns_that_are_not_wanted_are_left_out() -> None:
    before = reference(pd.DataFrame({"a": NUMBERS, "b": NUMBERS}))
    now = pd.DataFrame({"b": NUMBERS, "c": NUMBERS})
    assert [one.name for one in compare(now, before, lambda name: name == "b")] == ["b"]


def test_names_need_be_neither_texts_nor_single() -> None:
    table = pd.DataFrame([[1, 2, 3]] * 20, columns=["a", "a", 5])
    assert [one.name for one in compare(table, reference(table), lambda name: True)] == ["a", "5"]


def test_the_drifted_come_first_then_by_score() -> None:
    columns = [
        Compared("new", "New"),
        Compared("low", "Scored", 0.1),
        Compared("high", "Scored", 0.9),
        Compared("lost", "Lost"),
        Compared("mid", "Constant", 0.3),
    ]
    names = [one.name for one in in_order(columns, 0.2)]
    assert names == ["high", "mid", "lost", "low", "new"]


def independent_psi(before: list[float], now: list[float]) -> float:
    """From the raw data: numpy's deciles and histogram, as the literature has it."""
    cuts = np.unique(np.quantile(before, [n / 10 for n in range(1, 10)]))
    # numpy's bins are closed on the left, ours on the right: of mirrored values it is the same.
    edges = [-np.inf, *(-cuts)[::-1], np.inf]
    was, _ = np.histogram([-value for value in before], edges)
    new, _ = np.histogram([-value for value in now], edges)
    e = np.maximum(was / len(before), FLOOR)
    a = np.maximum(new / len(now), FLOOR)
    return float(np.sum((a - e) * np.log(a / e)))


many = st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=80)


@settings(max_examples=200)
@given(many, st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_a_score_is_that_of_the_raw_data(before: list[float], now: list[float]) -> None:
    cuts = np.quantile(before, [n / 10 for n in range(1, 10)])
    distinct = sorted(set(before))
    assume(len(distinct) > 10 and len(set(now)) > 1)
    # Beyond these a cut stands midway between two values instead.
    assume(cuts[0] >= (distinct[0] + distinct[1]) / 2)
    assume(cuts[-1] <= (distinct[-2] + distinct[-1]) / 2)
    assert compared(before, now).psi == pytest.approx(independent_psi(before, now), abs=1e-9)


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["a", "b", "c", None]), min_size=4, max_size=60),
    st.lists(st.sampled_from(["a", "b", "d", None]), min_size=1, max_size=60),
)
def test_a_score_of_categories_counts_others_and_nulls(
    before: list[str | None], now: list[str | None]
) -> None:
    kept = [value for value in ("a", "b", "c") if value in before]
    found = compared(before, now)
    assume(found.psi is not None and kept)

    def shares(values: list[str | None]) -> "np.ndarray[Any, Any]":
        counts = [values.count(value) for value in kept]
        rest = len(values) - sum(counts) - values.count(None)
        return np.maximum(np.array([*counts, rest, values.count(None)]) / len(values), FLOOR)

    e, a = shares(before), shares(now)
    assert found.psi == pytest.approx(float(np.sum((a - e) * np.log(a / e))), abs=1e-9)


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
)
columns = st.lists(cells, min_size=1, max_size=20)


@settings(max_examples=300)
@given(columns, columns)
def test_whatever_the_cells_are_there_is_an_outcome_and_a_finite_score(
    before: list[Any], now: list[Any]
) -> None:
    old = pd.DataFrame({"x": pd.Series(before)})
    new = pd.DataFrame({"x": pd.Series(now)})
    (found,) = compare(new, reference(old), lambda name: True)
    assert found.psi is None or (math.isfinite(found.psi) and found.psi >= -1e-9)
    json.dumps({"psi": found.psi}, allow_nan=False)
