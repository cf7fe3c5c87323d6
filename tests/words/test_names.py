"""Names that a place does not take are changed, and two that differ stay two."""

import pytest

from retrain_trainer.naming import artifact_path, distinct, mlflow_name, picture_name
from retrain_trainer.tracking.pictures import comparison_svg, drift_svg

LONG = "k" * 260
CLASHES = {
    "characters": ["a@b", "a#b", "a_b"],
    "detours": ["a/../b", "b", "a/./b", "./a//b"],
    "length": [f"{LONG}1", f"{LONG}2"],
    "bytes that are no text": ["a\udcff", "a\udcfe"],
}


@pytest.mark.parametrize("case", CLASHES)
def test_names_that_would_be_one_stay_distinct(case: str) -> None:
    names = distinct(CLASHES[case], mlflow_name)
    assert len(set(names.values())) == len(CLASHES[case])
    assert max(map(len, names.values())) <= 250


def test_a_name_that_is_taken_as_it_is_keeps_it() -> None:
    assert distinct(["a_b", "a@b", "loss"], mlflow_name)["a_b"] == "a_b"
    assert distinct(["f1/macro avg", "loss"], mlflow_name) == {
        "f1/macro avg": "f1/macro avg",
        "loss": "loss",
    }


def test_a_name_does_not_depend_on_the_order() -> None:
    keys = CLASHES["characters"]
    assert distinct(keys, mlflow_name) == distinct(reversed(keys), mlflow_name)


@pytest.mark.parametrize(
    ("path", "kept"),
    [("out/a/curve.csv", "out/a/curve.csv"), ("../b/c.csv", "__/b/c.csv"), ("/abs/c", "abs/c")],
)
def test_files_keep_the_folders_that_they_are_in(path: str, kept: str) -> None:
    assert artifact_path(path) == kept


def test_pictures_of_plots_with_the_same_letters_stay_two() -> None:
    names = distinct(["out/a/b.csv", "out/a_b.csv"], picture_name)
    assert len(set(names.values())) == 2


@pytest.mark.parametrize("value", [-1e308, 1.7e308, 5e-324, 0.0])
def test_a_number_of_any_size_is_drawn(value: float) -> None:
    assert "<svg" in comparison_svg("x", {"m": value}, {"m": value / 2}, ("new", "old"))
    assert "<svg" in drift_svg("x", {"m": abs(value)}, 1e308)
