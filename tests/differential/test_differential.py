"""`retrain run` ends with the outputs of `dvc repro`, whatever was edited in between."""

import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest

from differential.compare import Difference, compare
from differential.generate import generate
from differential.show import show
from differential.shrink import shrink
from differential.steps import Case

CASES = int(os.environ.get("RETRAIN_DIFFERENTIAL_CASES", "40"))


@pytest.mark.parametrize("seed", range(CASES))
def test_a_run_ends_with_the_bytes_of_dvc_repro(
    seed: int, tmp_path: Path, empty_tracking: Path
) -> None:
    numbers = itertools.count()

    def carry_out(case: Case) -> Difference | None:
        return compare(case, tmp_path / str(next(numbers)), empty_tracking)

    case = generate(seed)
    difference = carry_out(case)
    if difference is None:
        return
    until_there = replace(case, steps=case.steps[: difference.step + 1])
    smallest = shrink(until_there, lambda smaller: carry_out(smaller) is not None)
    difference = carry_out(smallest) or difference
    pytest.fail(
        f"seed {seed}: {difference.kind}, run {difference.step}\n{show(smallest)}\n"
        f"{difference.text}",
        pytrace=False,
    )
