"""Logs are JSON objects, one a line, whatever is in them."""

import json
import logging
from datetime import datetime

import pytest

from retrain_operator.logs import QUIET, JSONFormatter, configure


def line(message: str, **more: object) -> dict[str, object]:
    record = logging.makeLogRecord(
        {"name": "retrain_operator.x", "levelname": "INFO", "msg": message, **more}
    )
    written = JSONFormatter().format(record)
    assert "\n" not in written
    found: dict[str, object] = json.loads(written)
    return found


def test_a_line_says_when_what_and_who() -> None:
    found = line("%d runs", args=(3,), created=1_700_000_000.5)
    assert found == {
        "time": "2023-11-14T22:13:20.500+00:00",
        "level": "INFO",
        "logger": "retrain_operator.x",
        "message": "3 runs",
    }
    assert datetime.fromisoformat(str(found["time"])).tzinfo is not None


def test_a_line_names_the_run_it_is_about() -> None:
    assert line("gone", key="ml/iris")["trainingRun"] == "ml/iris"


def test_an_exception_stays_on_its_line() -> None:
    try:
        raise RuntimeError("no\nway")
    except RuntimeError as error:
        found = line("failed", exc_info=(RuntimeError, error, error.__traceback__))
    assert "Traceback" in str(found["exception"])
    assert str(found["exception"]).endswith("RuntimeError: no\nway")


@pytest.mark.parametrize("text", ["größer 🌸", 'a "quoted" \\ text', "one\ntwo\x00\x1b[31m"])
def test_text_of_any_kind_can_be_read_back(text: str) -> None:
    assert line("%s", args=(text,))["message"] == text


@pytest.mark.parametrize(
    ("level", "library"), [("DEBUG", "WARNING"), ("INFO", "WARNING"), ("ERROR", "ERROR")]
)
def test_libraries_only_tell_what_is_wrong(level: str, library: str) -> None:
    root, quiet = logging.getLogger(), [logging.getLogger(name) for name in QUIET]
    before = (root.handlers[:], root.level, [logger.level for logger in quiet])
    try:
        configure(level)
        assert logging.getLevelName(root.level) == level
        assert {logging.getLevelName(logger.level) for logger in quiet} == {library}
        (handler,) = root.handlers
        assert isinstance(handler.formatter, JSONFormatter)
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        for logger, was in zip(quiet, before[2], strict=True):
            logger.setLevel(was)
