"""Each test has its lane by where it stands."""

from pathlib import PurePath

import pytest

from lanes import LANE_OF, LANES, SLOWEST_FIRST, lane_of


def test_what_is_below_a_folder_is_in_its_lane() -> None:
    assert lane_of(PurePath("trainer/test_projects.py")) == "stores"
    assert lane_of(PurePath("trainer/tracking/test_child_runs.py")) == "stores"


def test_a_file_may_be_in_another_lane_than_its_folder() -> None:
    assert lane_of(PurePath("documentation/test_pages.py")) == "unit"
    assert lane_of(PurePath("documentation/test_cluster.py")) == "node"


def test_a_folder_without_a_lane_is_an_error_that_says_where_to_name_it() -> None:
    with pytest.raises(LookupError, match=r"tests/lanes\.py"):
        lane_of(PurePath("nowhere/test_something.py"))


def test_every_lane_has_its_place_in_the_order() -> None:
    assert set(LANE_OF.values()) == set(LANES) == set(SLOWEST_FIRST)
