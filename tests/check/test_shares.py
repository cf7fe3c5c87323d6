"""Time for each look."""

import time
from contextlib import suppress
from threading import Event

import pytest

from retrain_trainer.check.shares import Overtime, Shares, limit


def test_what_quick_looks_leave_the_slow_ones_have() -> None:
    shares = Shares(time.time() + 40, looks=4)
    assert shares.take() == pytest.approx(10, abs=1)
    # It took no time.
    assert shares.take() == pytest.approx(40 / 3, abs=1)
    shares.ends -= 30
    assert shares.take() == pytest.approx(5, abs=1)


def test_the_last_looks_have_a_little_time_when_nothing_is_left() -> None:
    shares = Shares(time.time() - 5, looks=1)
    assert shares.take() == shares.take() == 1


def test_a_library_that_catches_every_exception_is_interrupted_too() -> None:
    def look() -> None:
        with suppress(Exception):
            Event().wait(30)

    with pytest.raises(Overtime), limit(0.05):
        look()


def test_a_library_that_waits_while_it_gives_up_is_interrupted_once_more() -> None:
    def look() -> None:
        try:
            Event().wait(30)
        finally:
            Event().wait(30)

    with pytest.raises(Overtime), limit(0.05):
        look()


def test_what_ends_in_time_is_not_interrupted_later() -> None:
    with limit(0.05):
        pass
    assert not Event().wait(0.2)
