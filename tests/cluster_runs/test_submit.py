"""`retrain submit --wait`: what the pods of a run log is shown as it goes on."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from cluster_runs.team import GATE, Team
from retrain_core.outcome import OUTCOMES, Reason

RETRAIN = Path(sys.executable).parent / "retrain"
SECONDS = 300


class Submission:
    """`retrain submit --wait` of a run, and what it tells the person."""

    def __init__(self, team: Team, folder: Path, spec: dict[str, Any], *options: str) -> None:
        manifest = folder / "run.yaml"
        manifest.write_text(json.dumps(team.run("toy", spec)))
        command = [str(RETRAIN), "submit", "-f", str(manifest), "-n", team.name, "--wait"]
        self._process = subprocess.Popen(
            [*command, *options],
            env=os.environ | {"KUBECONFIG": str(team.kubectl.kubeconfig)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        # Nothing it does may keep the test from going on for ever.
        self._alarm = threading.Timer(SECONDS, self._process.kill)
        self._alarm.start()
        self.told = ""

    def says(self, text: str) -> None:
        assert self._process.stderr
        while text not in self.told:
            line = self._process.stderr.readline()
            assert line, f"ended without {text!r}: {self.told}"
            self.told += line

    def end(self) -> int:
        assert self._process.stderr
        self.told += self._process.stderr.read()
        code = self._process.wait()
        self._alarm.cancel()
        return code


def test_stages_and_what_they_print_are_shown_while_they_run(team: Team, tmp_path: Path) -> None:
    gate = {"pod": {"env": [*team.spec()["pod"]["env"], {"name": "TOY_GATE", "value": GATE}]}}
    submission = Submission(team, tmp_path, team.spec(**gate))
    submission.says("✓ prepare")
    # The stage `train` waits: what came before was not told at the end.
    assert "✓ train" not in submission.told
    team.open_gate(team.pod_in_stage("toy", "train"))
    assert submission.end() == 0, submission.told
    assert "trained with lr 0.5" in submission.told
    assert "✓ evaluate" in submission.told
    assert submission.told.count("✓ train") == 1
    assert "Trained: " in submission.told
    assert f"commit {team.repository.sha()}" in submission.told
    assert f"model models:/{team.name}/1 (promoted)" in submission.told
    assert f"look http://{team.stores.mlflow_address}/#/experiments/" in submission.told


def test_the_log_of_a_second_attempt_is_shown_too(team: Team, tmp_path: Path) -> None:
    gate = {"pod": {"env": [*team.spec()["pod"]["env"], {"name": "TOY_GATE", "value": GATE}]}}
    submission = Submission(team, tmp_path, team.spec(**gate))
    first = team.pod_in_stage("toy", "train")
    team.kubectl("delete", "pod", first, "--wait=false")
    second = team.pod_in_stage("toy", "train", other_than=first)
    submission.says("attempt 2")
    team.open_gate(second)
    assert submission.end() == 0, submission.told
    assert "trained with lr 0.5" in submission.told


def test_a_stage_that_fails_ends_the_command_with_its_code(team: Team, tmp_path: Path) -> None:
    params = {"dvc": {"params": {"train.lr": "no number"}}}
    submission = Submission(team, tmp_path, team.spec(**params), "--quiet")
    assert submission.end() == OUTCOMES[Reason.INVALID_SPEC].exit_code, submission.told
    assert "InvalidSpec: " in submission.told
    assert submission.told.count("Correct the parameter in the manifest") == 1
