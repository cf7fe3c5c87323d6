"""`retrain submit --wait` shows what the operator writes, and ends as the run did."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from retrain_cli.cluster.ending import Standing
from retrain_core.outcome import OUTCOMES, Activity, Outcome, Reason
from submit.conftest import Namespace
from submit.forwarder import Forwarder

FACTS: dict[str, Any] = {
    "commit": "0a" * 20,
    "mlflow": {
        "experimentID": "1",
        "runID": "0b" * 16,
        "url": f"https://mlflow.example.com/#/experiments/1/runs/{'0b' * 16}",
    },
    "stages": [{"name": "train", "state": "Ran", "seconds": 4.25}],
    "metrics": [{"name": "f1", "value": "0.9555555"}],
    "model": {"name": "toy", "version": "3", "promoted": True},
}


def test_a_run_is_followed_from_its_creation_to_its_end(namespace: Namespace) -> None:
    submission = namespace.submit("--wait")
    assert submission.name() == "toy"
    namespace.status("Queued", "waiting for the queue")
    submission.says("Queued: waiting for the queue")
    namespace.status("Training")
    submission.says("Training")
    namespace.status("Trained", "version 3 of toy is the champion", "True", **FACTS)
    code, told, _ = submission.end()
    assert code == 0
    assert "Trained: version 3 of toy is the champion" in told
    assert re.search(r"^f1 +0\.955556$", told, re.MULTILINE)
    assert f"commit {'0a' * 20}" in told
    assert "model models:/toy/3 (promoted)" in told
    assert f"look {FACTS['mlflow']['url']}" in told


def test_the_run_that_ended_can_be_printed(namespace: Namespace) -> None:
    submission = namespace.submit("--wait", "-o", "json")
    namespace.wait_for("toy")
    namespace.status("UpToDate", "nothing has changed", "True")
    code, _, printed = submission.end()
    assert code == 0
    assert json.loads(printed)["status"]["conditions"][0]["reason"] == "UpToDate"


@pytest.mark.parametrize("reason", [Reason.RESULT_UNAVAILABLE, Reason.STAGE_FAILED, Reason.EVICTED])
def test_the_end_is_told_as_the_reason_is(namespace: Namespace, reason: Reason) -> None:
    row = OUTCOMES[reason]
    submission = namespace.submit("--wait")
    submission.name()
    # As the operator writes it: the remedy stands behind the message.
    message = "as told" if row.succeeded else f"as told {row.remedy}"
    namespace.status(reason, message, str(row.succeeded))
    code, told, _ = submission.end()
    assert code == row.exit_code
    assert f"{reason}: as told\n" in told
    assert told.count(row.remedy) == (0 if row.succeeded else 1)


@pytest.mark.parametrize("row", OUTCOMES.values(), ids=lambda row: row.reason)
def test_the_exit_code_is_that_of_the_reason(row: Outcome) -> None:
    condition = {"type": "Succeeded", "status": str(row.succeeded), "reason": str(row.reason)}
    standing = Standing.of({"status": {"conditions": [condition]}})
    assert standing is not None
    assert standing.ended
    assert standing.exit_code == row.exit_code


@pytest.mark.parametrize("activity", Activity)
def test_a_run_that_does_something_has_not_ended(activity: Activity) -> None:
    condition = {"type": "Succeeded", "status": "Unknown", "reason": str(activity)}
    standing = Standing.of({"status": {"conditions": [condition]}})
    assert standing is not None
    assert not standing.ended


def test_a_reason_of_a_newer_operator_fails_and_says_so(namespace: Namespace) -> None:
    submission = namespace.submit("--wait")
    submission.name()
    namespace.status("NotYetInvented", "who knows", "False")
    code, told, _ = submission.end()
    assert code == 1
    assert "NotYetInvented: who knows" in told
    assert "install the version of the operator" in told


def test_a_ci_service_is_given_a_table(namespace: Namespace, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    submission = namespace.submit("--wait", GITHUB_STEP_SUMMARY=str(summary))
    submission.name()
    namespace.status("StageFailed", "train | exit code 1", "False", **FACTS)
    submission.end()
    text = summary.read_text()
    assert text.startswith("### toy: StageFailed\n\ntrain \\| exit code 1\n")
    assert f"| commit | {'0a' * 20} |" in text
    assert "| train | Ran | 4.2 |" in text
    assert "| f1 | 0.955556 |" in text


def test_on_a_terminal_of_a_ci_job_nothing_that_the_run_names_is_obeyed(
    namespace: Namespace, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    submission = namespace.submit(
        "--wait",
        terminal=True,
        GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_ACTIONS="true",
        TERM="xterm",
    )
    submission.name()
    evil = "\x1b]52;c;AAAA\x07f1\u202e"
    namespace.status("Queued", f"{evil}\n::set-output name=image::queue", "Unknown")
    submission.says("name=image::queue")
    namespace.status(
        "StageFailed",
        f"{evil}\n  ::set-output name=image::end <img src=x>",
        "False",
        metrics=[{"name": evil, "value": "0.9"}, {"name": "::add-mask::f1", "value": "0.8"}],
        stages=[{"name": evil, "state": "Ran", "seconds": 4.25}],
    )
    code, told, _ = submission.end()
    assert code == OUTCOMES[Reason.STAGE_FAILED].exit_code
    assert "name=image::end" in told
    assert "\x1b]" not in told
    assert "\u202e" not in told
    (token,) = re.findall(r"^::stop-commands::(\w+)\r?$", told, re.MULTILINE)
    obeyed = re.findall(
        r"^\s*(::.*?)\r?$", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", told), re.MULTILINE
    )
    assert obeyed == [f"::stop-commands::{token}", f"::{token}::"]
    assert re.search(r"^ *f1 +\S*0\.9", told, re.MULTILINE)
    assert "&lt;img src=x&gt;" in summary.read_text()
    assert "\x1b" not in summary.read_text()


def test_values_that_are_no_numbers_are_left_out(namespace: Namespace) -> None:
    submission = namespace.submit("--wait")
    submission.name()
    metrics = [{"name": "bad", "value": "[red]high"}, {"name": "good", "value": "1.5"}]
    namespace.status("Trained", "[bold]done", "True", metrics=metrics)
    code, told, _ = submission.end()
    assert code == 0
    assert "good" in told
    assert "bad" not in told
    assert "Trained: [bold]done" in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_wait_leaves_the_run_alone(namespace: Namespace, number: int) -> None:
    submission = namespace.submit("--wait")
    submission.name()
    namespace.status("Training")
    submission.says("Training")
    submission.interrupt(number)
    code, told, _ = submission.end()
    assert code == 130
    assert "toy goes on" in told
    assert """--type=merge -p '{"spec":{"cancel":true}}'""" in told
    assert "Traceback" not in told
    assert "cancel" not in namespace.run()["spec"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_ci_job_cancels_the_run(namespace: Namespace, number: int) -> None:
    submission = namespace.submit("--wait", "--cancel-on-interrupt")
    submission.name()
    namespace.status("Training")
    submission.says("Training")
    submission.interrupt(number)
    submission.says("cancelling")
    assert namespace.run()["spec"]["cancel"] is True
    namespace.status("Cancelled", "cancelled", "False")
    assert submission.end()[0] == OUTCOMES[Reason.CANCELLED].exit_code


def test_a_second_interrupt_no_longer_waits_for_the_cancelled_run(namespace: Namespace) -> None:
    submission = namespace.submit("--wait", "--cancel-on-interrupt")
    submission.name()
    namespace.status("Training")
    submission.says("Training")
    submission.interrupt()
    submission.says("cancelling")
    submission.interrupt()
    assert submission.end()[0] == 130
    assert namespace.run()["spec"]["cancel"] is True


def test_a_run_that_takes_too_long_is_left_alone(namespace: Namespace) -> None:
    code, told, _ = namespace.submit("--wait", "--timeout", "0.5").end()
    assert code == 124
    assert "not ended after 0.5 s. toy goes on" in told
    assert namespace.names() == ["toy"]


def test_an_operator_that_is_absent_is_noticed(namespace: Namespace) -> None:
    submission = namespace.submit("--wait")
    submission.says("no operator has looked at it for 10 s: is Retrain installed")
    namespace.status("Trained", "after all", "True")
    assert submission.end()[0] == 0


def test_a_run_that_is_deleted_ends_the_wait(namespace: Namespace) -> None:
    submission = namespace.submit("--wait")
    submission.name()
    namespace.status("Training")
    submission.says("Training")
    namespace.delete("toy")
    code, told, _ = submission.end()
    assert code == 1
    assert "Error: TrainingRun toy was deleted" in told


def test_a_pod_that_is_gone_does_not_keep_the_end_from_being_told(namespace: Namespace) -> None:
    submission = namespace.submit("--wait")
    submission.name()
    namespace.status("Training", podName="toy-abcde", attempts=1)
    submission.says("Training")
    namespace.status("Training", podName="toy-fghij", attempts=2)
    submission.says("attempt 2")
    namespace.status("NodeLost", "the node is gone", "False", podName="toy-fghij")
    assert submission.end()[0] == OUTCOMES[Reason.NODE_LOST].exit_code


def test_the_wait_outlives_an_api_server_that_goes_away(namespace: Namespace) -> None:
    with Forwarder(namespace.kubeconfig, namespace.folder) as way:
        submission = namespace.submit("--wait", "--kubeconfig", str(way.kubeconfig))
        submission.name()
        namespace.status("Training")
        submission.says("Training")
        way.close()
        submission.says("cannot be reached")
        namespace.status("Trained", "meanwhile", "True")
        way.open()
        code, told, _ = submission.end()
    assert code == 0
    assert "Trained: meanwhile" in told
    assert told.count("cannot be reached") == 1
