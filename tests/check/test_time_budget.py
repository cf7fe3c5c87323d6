"""Time for each look."""

import importlib
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event
from unittest.mock import patch

import pytest

from retrain_trainer.check.time_budget import BudgetExceeded, TimeBudget, half_of_the_rest, limit


def test_what_quick_looks_leave_the_slow_ones_have() -> None:
    budget = TimeBudget(time.time() + 40, looks=4)
    assert budget.take() == pytest.approx(10, abs=1)
    # It took no time.
    assert budget.take() == pytest.approx(40 / 3, abs=1)
    budget.ends -= 30
    assert budget.take() == pytest.approx(5, abs=1)


def test_the_last_looks_have_a_little_time_when_nothing_is_left() -> None:
    budget = TimeBudget(time.time() - 5, looks=1)
    assert budget.take() == budget.take() == 1


def test_a_library_that_catches_every_exception_is_interrupted_too() -> None:
    def look() -> None:
        with suppress(Exception):
            Event().wait(30)

    with pytest.raises(BudgetExceeded), limit(0.05):
        look()


def test_what_a_library_made_of_the_interrupt_is_not_believed() -> None:
    def look() -> None:
        try:
            Event().wait(30)
        except BaseException:
            return

    with pytest.raises(BudgetExceeded), limit(0.05):
        look()


def test_an_import_comes_to_its_end_before_it_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.3)\nDONE = True\n")
    with (
        patch.object(sys, "path", [str(tmp_path), *sys.path]),
        pytest.raises(BudgetExceeded),
        limit(0.1),
    ):
        look_after_import()
    assert sys.modules.pop("slow_to_import").DONE


def look_after_import() -> None:
    importlib.import_module("slow_to_import")
    Event().wait(30)


def test_within_a_limit_another_may_hold_and_the_first_goes_on() -> None:
    def look() -> None:
        with suppress(BudgetExceeded), limit(half_of_the_rest()):
            Event().wait(30)
        told.append("recorded or not")
        Event().wait(30)

    told: list[str] = []
    with pytest.raises(BudgetExceeded), limit(0.4):
        look()
    assert told


def test_a_fifth_of_the_time_stays_and_half_a_minute_where_there_is_one() -> None:
    for timeout, share in ((300, 240), (60, 30), (20, 10)):
        assert TimeBudget.of(timeout, looks=1).take() == pytest.approx(share, abs=1)


def test_a_library_that_waits_while_it_gives_up_is_interrupted_once_more() -> None:
    def look() -> None:
        try:
            Event().wait(30)
        finally:
            Event().wait(30)

    with pytest.raises(BudgetExceeded), limit(0.05):
        look()


def test_what_ends_in_time_is_not_interrupted_later() -> None:
    with limit(0.05):
        pass
    assert not Event().wait(0.2)
