"""What a person is told to do fits what happened, wherever it is told."""

import io
from pathlib import Path

import pytest

from retrain_cli.cluster.ending import Standing
from retrain_cli.manifest import read_manifest
from retrain_cli.summary import load_line, print_summary
from retrain_core.outcome import OUTCOMES, Reason, RunFailed
from retrain_core.result import Result, parse
from retrain_trainer.attempt import outcome_of
from retrain_trainer.interrupt import Interruption
from retrain_trainer.partial_result import PartialResult, VersionContent
from retrain_trainer.report import LogReporter

OWN = "Commit them, or put them away with `git stash`."
GENERIC = OUTCOMES[Reason.INVALID_SPEC].remedy


def refuse() -> tuple[Reason, str]:
    raise RunFailed(Reason.INVALID_SPEC, "uncommitted changes: hunter2", OWN + " hunter2")


def test_a_remedy_of_its_own_comes_with_the_failure_and_is_redacted() -> None:
    ending = outcome_of(
        refuse,
        LogReporter(io.StringIO()),
        Interruption(),
        lambda text: text.replace("hunter2", "*"),
    )
    result = PartialResult().result(*ending)
    assert (result.message, result.remedy) == ("uncommitted changes: *", f"{OWN} *")
    assert parse(result.dump()) == result


def test_on_a_laptop_it_stands_in_the_place_of_the_reason_s() -> None:
    told = io.StringIO()
    result = Result(reason=Reason.INVALID_SPEC, message="uncommitted changes", remedy=OWN)
    print_summary(told, result, PartialResult(), None, alias=None, smoke=False)
    assert OWN in told.getvalue()
    assert GENERIC not in told.getvalue()


def test_without_one_the_sentence_of_the_reason_is_told() -> None:
    failure = RunFailed(Reason.INVALID_SPEC, "spec.modle: unknown field")
    assert failure.remedy == GENERIC


@pytest.mark.parametrize(("message", "remedy"), [(f"so {OWN}", ""), (f"so {GENERIC}", GENERIC)])
def test_of_a_run_in_a_cluster_it_is_told_once(message: str, remedy: str) -> None:
    assert Standing("False", "InvalidSpec", message).remedy == remedy


def test_a_long_result_still_fits_and_keeps_its_remedy() -> None:
    result = Result(reason=Reason.STAGE_FAILED, message="x" * 4000, remedy=OWN)
    kept = parse(result.dump(1000))
    assert kept is not None
    assert kept.remedy == OWN


@pytest.mark.parametrize(
    ("name", "text", "overrides", "remedy"),
    [
        ("absent.yaml", None, (), "Correct the path after -f."),
        ("broken.yaml", b"a: [", (), "Correct the manifest."),
        ("latin.yaml", b"a: \xe9", (), "Save it as UTF-8."),
        ("toy.yaml", None, ("train.lr",), "Correct what was typed after --set."),
    ],
)
def test_what_was_typed_wrong_is_named(
    tmp_path: Path, name: str, text: bytes | None, overrides: tuple[str, ...], remedy: str
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_bytes(text)
    if overrides:
        from support.toy import manifest, toy_spec

        file.write_text(manifest(toy_spec()))
    with pytest.raises(RunFailed) as caught:
        read_manifest(file, overrides)
    assert caught.value.remedy == remedy


@pytest.mark.parametrize(
    ("content", "ends"),
    [
        (VersionContent(("MLmodel", "model.pkl"), pyfunc=True), 'load_model("models:/m/1")'),
        (VersionContent(("model.pkl",)), 'download_artifacts("models:/m/1/model.pkl")'),
        (VersionContent(("a#b.joblib",)), 'download_artifacts("models:/m/1")'),
        (VersionContent(("a", "b")), 'download_artifacts("models:/m/1")'),
        (None, 'download_artifacts("models:/m/1")'),
    ],
)
def test_the_line_that_loads_a_model_trusts_no_ending_of_a_name(
    content: VersionContent | None, ends: str
) -> None:
    line = load_line("models:/m/1", 'http://x/"quoted"', content)
    compile(line, "line", "exec")
    assert line.endswith(ends)
