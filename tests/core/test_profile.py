"""The profile of the training data that later drift is judged against."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec.training_run import Profile
from retrain_trainer.profile import BINS, MAX_CATEGORIES, as_json, profile, read_table

SPEC = Profile(path="data.csv")


def column(values: Any, dtype: Any = None) -> dict[str, Any]:
    """The profile of one column."""
    table = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    content = json.loads(as_json(profile(table, SPEC)))
    found = content["columns"]["x"]
    assert isinstance(found, dict)
    return found


def test_a_numeric_column_is_told_by_bins_at_its_quantiles() -> None:
    found = column(range(1000))
    assert found["kind"] == "numeric"
    assert found["edges"][0] == 0
    assert found["edges"][-1] == 999
    assert len(found["edges"]) == BINS + 1
    assert found["shares"] == pytest.approx([0.1] * BINS, abs=0.01)
    assert found["nulls"] == 0


def test_a_constant_column_is_one_bin() -> None:
    assert column([7.0] * 5) == {"kind": "numeric", "nulls": 0, "edges": [7.0], "shares": [1.0]}


@pytest.mark.parametrize("dtype", ["float64", "Int64"])
def test_a_numeric_column_of_nulls_has_no_bins(dtype: str) -> None:
    assert column([None] * 4, dtype) == {
        "kind": "numeric",
        "nulls": 1.0,
        "edges": [],
        "shares": [],
    }


def test_a_column_of_nulls_without_a_type_has_no_categories() -> None:
    found = column([None] * 4, "object")
    assert found == {"kind": "categorical", "nulls": 1.0, "categories": {}, "other": 0.0}


@pytest.mark.parametrize("dtype", ["bool", "boolean", "object"])
def test_truth_values_are_categories(dtype: str) -> None:
    found = column([True, True, True, False], dtype)
    assert found["kind"] == "categorical"
    assert found["categories"] == {"True": 0.75, "False": 0.25}


def test_nulls_are_told_apart_from_the_shares_of_what_is_there() -> None:
    found = column(["a", None, "b", "a"])
    assert found["nulls"] == 0.25
    assert found["categories"] == pytest.approx({"a": 2 / 3, "b": 1 / 3})


def test_an_empty_table_has_columns_and_no_shares() -> None:
    table = pd.DataFrame({"n": pd.Series([], dtype=float), "c": pd.Series([], dtype=str)})
    content = profile(table, SPEC)
    assert content["rows"] == 0
    assert content["columns"]["n"]["shares"] == []
    assert content["columns"]["c"]["categories"] == {}
    assert {shape["nulls"] for shape in content["columns"].values()} == {0.0}


def test_of_more_than_a_hundred_categories_the_rest_is_one_share() -> None:
    found = column([f"c{n}" for n in range(150)] + ["common"] * 50)
    assert len(found["categories"]) == MAX_CATEGORIES
    assert found["categories"]["common"] == 0.25
    assert found["other"] == pytest.approx(51 / 200)


def test_excluded_columns_do_not_appear() -> None:
    table = pd.DataFrame({"id": [1], "x": [2], "y": [3]})
    spec = Profile(path="data.csv", exclude=["id", "absent"])
    assert list(profile(table, spec)["columns"]) == ["x", "y"]


def test_rows_and_path_are_told() -> None:
    content = profile(pd.DataFrame({"x": [1, 2, 3]}), SPEC)
    assert (content["version"], content["path"], content["rows"]) == (1, "data.csv", 3)


numbers = st.lists(st.none() | st.floats(-1e9, 1e9) | st.integers(-5, 5), max_size=60)
categories = st.lists(st.none() | st.text(max_size=3), max_size=60)


@settings(max_examples=150)
@given(numbers)
def test_shares_of_bins_sum_to_1_and_the_json_has_no_nan(values: list[float | None]) -> None:
    found = column(values, "float64")
    present = [value for value in values if value is not None]
    assert sum(found["shares"]) == pytest.approx(1.0 if present else 0.0)
    assert len(found["shares"]) == max(len(found["edges"]) - 1, min(len(present), 1))
    assert found["edges"] == sorted(set(found["edges"]))


@settings(max_examples=150)
@given(categories)
def test_shares_of_categories_sum_to_1_and_the_json_has_no_nan(values: list[str | None]) -> None:
    found = column(values, "object")
    total = sum(found["categories"].values()) + found["other"]
    assert total == pytest.approx(1.0 if any(value is not None for value in values) else 0.0)


def test_csv_and_parquet_are_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        assert read_table(tmp_path / name, name).equals(table)


@pytest.mark.parametrize(("name", "content"), [("t.parquet", b"no parquet"), ("t.csv", b"")])
def test_what_is_neither_is_told_with_the_field(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunFailed, match=f"spec.model.profile.path: {name}") as caught:
        read_table(tmp_path / name, name)
    assert caught.value.reason is Reason.INVALID_SPEC


def test_a_missing_file_is_told_with_the_field(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"spec\.model\.profile\.path: there is no file t\.csv"):
        read_table(tmp_path / "t.csv", "t.csv")
