"""What a pod of a run or of a check knows to be a secret, and how it tells an odd end."""

import json
from pathlib import Path
from typing import Any

import pytest

from retrain_core.outcome import Reason
from retrain_core.redact import MASK, redactor
from retrain_trainer.attempt import outcome_of
from retrain_trainer.check.pod import CheckPod, _secrets
from retrain_trainer.interrupt import Interruption
from retrain_trainer.pod import Pod, _reporting
from retrain_trainer.report import LogReporter
from support.toy import toy_spec

LICENSE = {"name": "LICENSE", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}


def test_variables_from_a_secret_are_masked_whatever_they_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LICENSE", "LIC-123456")
    run: dict[str, Any] = toy_spec(pod={"env": [LICENSE]})
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(run))
    _, redact = _reporting(Pod(file, tmp_path, tmp_path / "result", None, {}))
    assert redact("it is LIC-123456") == f"it is {MASK}"
    file.write_text(json.dumps({"schedule": "s", "run": run, "triggers": []}))
    check = CheckPod(file, tmp_path, tmp_path / "result", None, None, {})
    assert "LIC-123456" in _secrets(check)


def test_a_secret_on_the_border_of_an_end_s_message_does_not_show_its_beginning() -> None:
    secret = "wJalrXUtnFEMI-K7MDENG"

    def work() -> tuple[Reason, str]:
        raise OSError(f"{'x' * 990} {secret}")

    ending = outcome_of(work, LogReporter(), Interruption(), redactor([secret]))
    assert ending.reason is Reason.INTERNAL_ERROR
    assert secret[:4] not in ending.message
