"""A repository whose dvc.lock is committed, as DVC tells everybody to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster_runs.scheduled import Scheduled
from cluster_runs.team import Object, Team
from support.toy import toy_files, write_files


@pytest.fixture
def locked(team: Team, tmp_path: Path) -> Team:
    """What a colleague's `dvc repro` has made is pushed; then the learning rate was changed."""
    folder = write_files(tmp_path / "clone", toy_files())
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def dvc(*arguments: str) -> None:
        command = [sys.executable, "-m", "dvc", *arguments, "--quiet"]
        subprocess.run(command, cwd=folder, env=environment, check=True)

    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    dvc("update", "data/raw.csv.dvc")
    dvc("repro")
    objects = folder / ".dvc" / "cache" / "files"
    for file in (file for file in objects.rglob("*") if file.is_file()):
        key = f"dvc/files/{file.relative_to(objects)}"
        team.stores.s3.put(team.bucket, key, file.read_bytes())
    made = {name: (folder / name).read_text() for name in ("dvc.lock", "data/raw.csv.dvc")}
    team.repository.commit({**made, "params.yaml": "train:\n  lr: 0.6\n"})
    return team


def states(status: Object) -> dict[str, str]:
    return {stage["name"]: stage["state"] for stage in status["stages"]}


@pytest.mark.exhaustive
def test_every_minute_trains_a_change_once_and_then_restores_it(locked: Team) -> None:
    scheduled = Scheduled(locked)
    scheduled.apply({"name": "minutely", "cron": {"schedule": "* * * * *"}})

    def ended() -> list[Object]:
        runs = [run.get("status", {}) for run in scheduled.runs()]
        done = [status for status in runs if "completionTime" in status]
        return done if len(done) >= 3 else []

    first, *later = scheduled.until(ended, "three runs have ended", 400)
    assert states(first)["train"] == "Ran"
    assert first["conditions"][0]["reason"] == "Trained"
    for status in later:
        assert "Ran" not in states(status).values()
        assert status["conditions"][0]["reason"] == "UpToDate"
    versions = locked.client().search_model_versions(f"name='{locked.name}'")
    assert len(versions) == 1


@pytest.mark.exhaustive
def test_a_metric_typo_that_is_corrected_costs_no_training(locked: Team) -> None:
    locked.apply("typo", locked.spec(model={"promotion": {"metric": "scor"}}))
    assert locked.finished("typo")["conditions"][0]["reason"] == "MetricNotFound"
    locked.apply("corrected")
    status = locked.finished("corrected")
    assert status["conditions"][0]["status"] == "True", status
    assert "Ran" not in states(status).values()
    assert status["model"]["promoted"] is True
