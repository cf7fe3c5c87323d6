"""The line that says why a stage failed is shown, wherever in its output it stands."""

import subprocess
import sys

import pytest

from retrain_trainer.capture import captured
from retrain_trainer.tail import Tail

TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    train()
  File "train.py", line 2, in train
    raise ValueError("no column age")
ValueError: no column age
"""
PRINTED = {
    "at the end": (TRACEBACK, "ValueError: no column age"),
    "before pages of advice": (
        TRACEBACK + "\n" + "Here is what others did.\n" * 60,
        "ValueError: no column age",
    ),
    "before what a launcher prints": (
        "".join(f"[rank0]: {line}\n" for line in TRACEBACK.splitlines()) + "=====\n" * 60,
        "ValueError: no column age",
    ),
    "before progress bars": (
        TRACEBACK + "".join(f" {n}%|###  | {n}/100 [00:01, 43.21it/s]\n" for n in range(100)),
        "ValueError: no column age",
    ),
    "in colours": (
        TRACEBACK.replace("ValueError", "\x1b[1;31mValueError\x1b[0m") + "advice\n" * 60,
        "ValueError: no column age",
    ),
    "in a box of rich": (
        "╭──── Traceback (most recent call last) ────╮\n│ train.py:3 in f │\n╰────╯\n"
        "ValueError: no column age\n" + "advice\n" * 60,
        "ValueError: no column age",
    ),
    "a cause of another": (
        TRACEBACK
        + "\nThe above exception was the direct cause of the following exception:\n\n"
        + TRACEBACK.replace("ValueError: no column age", "RuntimeError: cannot prepare")
        + "advice\n" * 60,
        "ValueError: no column age",
    ),
    "a child's, told of by its parent": (
        TRACEBACK
        + TRACEBACK.replace("ValueError: no column age", "CalledProcessError: exit status 1")
        + "advice\n" * 60,
        "ValueError: no column age",
    ),
    "in the next lines of its message": (
        TRACEBACK.replace("ValueError: no column age", "ValueError:\nno column age")
        + "advice\n" * 60,
        "no column age",
    ),
    "in a group": (
        "  + Exception Group Traceback (most recent call last):\n  |   File x\n"
        "  | ExceptionGroup: two (1 sub-exception)\n  +-+------- 1 -------\n"
        "    | Traceback (most recent call last):\n    |   File y\n"
        "    | ValueError: no column age\n" + "advice\n" * 60,
        "ValueError: no column age",
    ),
}


def told(printed: str) -> list[str]:
    tail = Tail()
    for line in printed.splitlines():
        tail.add(line)
    return tail.text().splitlines()


@pytest.mark.parametrize("case", PRINTED)
def test_the_deciding_line_is_told(case: str) -> None:
    printed, line = PRINTED[case]
    assert line in told(printed)


def test_the_newest_of_several_exceptions_comes_first() -> None:
    printed, _ = PRINTED["a cause of another"]
    lines = told(printed)
    assert lines[0] == "RuntimeError: cannot prepare"
    assert lines.index("ValueError: no column age") < lines.index("...")


def test_what_decides_stands_first_where_the_text_is_long() -> None:
    printed = TRACEBACK.replace("    train()", f"    {'train' * 60}()\n" * 8)
    assert told(printed)[0] == "ValueError: no column age"


def test_an_exception_that_the_stage_has_gone_on_from_is_not_told() -> None:
    lines = told(TRACEBACK + "".join(f"epoch {n}\n" for n in range(300)) + "no luck\n")
    assert lines == [*(f"epoch {n}" for n in range(281, 300)), "no luck"]


def test_of_a_progress_bar_the_last_line_is_told() -> None:
    bars = "".join(f" {n}%|###  | {n}/100 [00:01, 43.21it/s]\n" for n in range(100))
    assert told(f"start\n{bars}no luck\n") == [
        "start",
        " 99%|###  | 99/100 [00:01, 43.21it/s]",
        "no luck",
    ]


def test_a_line_without_end_is_cut() -> None:
    assert max(map(len, told("x" * 60_000))) <= 400


def test_a_stage_that_asks_is_given_no_answer() -> None:
    """In a process of its own, as descriptors are a process's."""
    code = f"""
from {captured.__module__} import captured
import subprocess
seen = []
with captured(seen.append):
    subprocess.run(["cat"], check=True)
    subprocess.run(["sh", "-c", "read answer || echo none"], check=True)
print(seen, input())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="mine\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "['none'] mine\n"
