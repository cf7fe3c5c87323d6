"""Which tags a pattern means."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_core.verdict.release import matches


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_a_star_stands_for_any_characters(pattern: str, tag: str) -> None:
    meant = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, tag) is (re.fullmatch(meant, tag) is not None)


def test_many_stars_take_no_time() -> None:
    assert not matches("*a" * 100 + "*b", "a" * 256)


@pytest.mark.parametrize(("pattern", "tag"), [("v*", "v\n"), ("*", ""), ("v1.*", "v1.2.0")])
def test_it_means_these(pattern: str, tag: str) -> None:
    assert matches(pattern, tag)
