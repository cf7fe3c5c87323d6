"""The trainer's log, read back into what it was written from."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_cli.cluster.pod_log import Replay
from retrain_core.result import StageState
from retrain_trainer.report import LogReporter, Reporter

Call = tuple[object, ...]


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def step(self, title: str) -> None:
        self.calls.append(("step", title))

    def note(self, text: str) -> None:
        self.calls.append(("note", text))

    def warn(self, text: str) -> None:
        self.calls.append(("warn", text))

    def stage_started(self, name: str, number: int, total: int) -> None:
        self.calls.append(("started", name, number, total))

    def stage_ended(self, name: str, state: StageState, seconds: float) -> None:
        self.calls.append(("ended", name, state, seconds))

    def stage_output(self, line: str) -> None:
        self.calls.append(("output", line))


def replayed(stream: io.StringIO) -> list[Call]:
    recorder = Recorder()
    replay = Replay(recorder)
    for line in stream.getvalue().splitlines():
        replay.line(line)
    return recorder.calls


def tell(reporter: Reporter) -> None:
    reporter.step("fetch the source")
    reporter.note("commit 0a1b")
    reporter.warn("no remote")
    reporter.stage_started("train@0", 2, 3)
    reporter.stage_output("    epoch 1")
    reporter.stage_output("| a table |")
    reporter.stage_output("==> not a step")
    reporter.stage_ended("train@0", "Ran", 1.2)
    reporter.stage_started("evaluate", 3, 3)
    reporter.stage_ended("evaluate", "Unchanged", 0.0)
    reporter.step("Trained: version 3 of iris")


def test_what_is_logged_is_shown_as_it_would_be_on_a_laptop() -> None:
    stream, told = io.StringIO(), Recorder()
    tell(LogReporter(stream))
    tell(told)
    assert replayed(stream) == told.calls


@pytest.mark.parametrize(
    "line",
    [
        "<-- stage train: Ran in 1.0 s",
        "<-- stage other: Ran in 1.0 s",
        "<-- stage train: Exploded in 1.0 s",
        "--> stage evaluate (2/2)",
        "WARNING: mine",
        "",
        "    indented",
    ],
)
def test_whatever_a_stage_prints_is_its_output(line: str) -> None:
    stream = io.StringIO()
    LogReporter(stream).stage_output(line)
    assert replayed(stream) == [("output", line)]


def test_the_further_lines_of_a_message_are_what_it_quotes() -> None:
    stream = io.StringIO()
    LogReporter(stream).step("StageFailed: it said\nWARNING: mine")
    assert replayed(stream) == [("step", "StageFailed: it said"), ("output", "WARNING: mine")]


@given(st.lists(st.text()))
def test_no_line_is_lost_or_breaks_it(lines: list[str]) -> None:
    recorder = Recorder()
    replay = Replay(recorder)
    for line in lines:
        replay.line(line)
    assert len(recorder.calls) == len(lines)
