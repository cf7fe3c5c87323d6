"""`retrain check`: the same looks and verdicts from a laptop, with one's own git."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from check.conftest import Registry, Team
from check.test_metric import one, server
from retrain_core.outcome import OUTCOMES, Reason
from support import forks

TAGS = {"name": "tags", "release": {"tagPattern": "v*"}}
DATA = {"name": "data", "data": {"paths": ["data/raw.csv"]}}


class Laptop:
    """A person's folder with a manifest, and a git that knows the way."""

    def __init__(self, team: Team, triggers: list[dict[str, Any]]) -> None:
        self.team, self.triggers = team, triggers
        self.status: dict[str, Any] = {}
        self.home = team.folder.parent / "home"
        self.home.mkdir(exist_ok=True)
        helper = self.home / "helper"
        helper.write_text(
            f"#!/bin/sh\necho username={team.server.user}\necho password={team.server.password}\n"
        )
        helper.chmod(0o700)
        (self.home / ".gitconfig").write_text(
            f"[credential]\n\thelper = {helper}\n[http]\n\tsslCAInfo = {team.server.ca_file}\n"
        )

    def manifest(self) -> str:
        return yaml.safe_dump(
            {
                "apiVersion": "retrain.dev/v1alpha1",
                "kind": "RetrainSchedule",
                "metadata": {"name": "iris", "uid": "1"},
                "spec": {"runTemplate": {"spec": self.team.spec()}, "triggers": self.triggers},
                "status": self.status,
            }
        )

    def check(self, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*forks.program(forks.RETRAIN), "check", "-f", "-", *options],
            input=self.manifest(),
            cwd=self.team.folder,
            env={
                "HOME": str(self.home),
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "NO_PROXY": "127.0.0.1,localhost",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def data(self, **environment: str) -> list[dict[str, Any]]:
        done = self.check("-o", "json", **environment)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


def test_it_prints_a_table_of_what_each_trigger_would_do(team: Team) -> None:
    clock = {"name": "weekly", "cron": {"schedule": "0 0 * * 1", "timeZone": "Asia/Seoul"}}
    done = Laptop(team, [clock, TAGS, DATA]).check()
    assert done.returncode == 0, done.stderr
    header, weekly, tags, data = done.stdout.splitlines()
    assert header.split() == ["TRIGGER", "TYPE", "SEEN", "WOULD", "WHY"]
    assert "T00:00:00+09:00 (Asia/Seoul)" in weekly
    assert "0 tags match v*" in tags
    assert "nothing" in tags
    assert "Recorded: what is there is recorded" in data


def test_with_the_status_of_the_cluster_it_decides_as_that_would(team: Team) -> None:
    laptop = Laptop(team, [TAGS])
    about = team.see(**{key: TAGS[key] for key in ("release",)}).about
    known = team.judged(release=TAGS["release"]).known
    team.repository.tag("v1")
    laptop.status = {"triggers": [{"name": "tags", "about": about, "known": known}]}
    (found,) = laptop.data()
    assert found["finding"] == "NewTag"
    assert found["causes"] == [f"new tag v1 at commit {team.repository.sha()[:12]}"]
    # Of another repository that would mean nothing.
    laptop.status = {"triggers": [{"name": "tags", "about": "0" * 16, "known": known}]}
    (found,) = laptop.data()
    assert (found["finding"], found["causes"]) == ("Recorded", [])


@pytest.mark.parametrize("status", [None, [], {"triggers": {"a": 1}}, {"triggers": [{}, 1]}])
def test_a_status_that_makes_no_sense_is_none(team: Team, status: Any) -> None:
    laptop = Laptop(team, [TAGS])
    laptop.status = status
    assert laptop.data()[0]["finding"] == "Recorded"


def test_the_exit_code_is_that_of_the_first_reason_why_not(team: Team) -> None:
    lost = {"name": "lost", "data": {"paths": ["absent"]}}
    done = Laptop(team, [TAGS, lost]).check()
    assert done.returncode == 1
    assert "could not look" in done.stdout
    assert "PathNotFound: there is no absent" in done.stdout
    team.run = {"source": {"git": {"url": team.server.url("absent")}}}
    done = Laptop(team, [TAGS, lost]).check()
    assert done.returncode == OUTCOMES[Reason.SOURCE_NOT_FOUND].exit_code


def test_a_manifest_that_makes_no_sense_is_told(team: Team) -> None:
    laptop = Laptop(team, [{"name": "x"}])
    done = laptop.check()
    assert done.returncode == OUTCOMES[Reason.INVALID_SPEC].exit_code
    assert "needs exactly one of" in done.stderr
    assert done.stdout == ""


def test_credentials_for_metrics_are_those_of_the_environment(team: Team) -> None:
    with server(team.folder, 200, one("2")) as answer:
        asked = {"url": answer.url, "query": "up", "secretRef": {"name": "in-the-cluster"}}
        laptop = Laptop(team, [{"name": "q", "metric": {"prometheus": asked, "above": 1}}])
        (found,) = laptop.data(PROMETHEUS_TOKEN="t0ken-of-mine")
        ((_, authorization),) = answer.seen
    assert authorization == "Bearer t0ken-of-mine"
    assert (found["finding"], found["type"]) == ("ThresholdCrossed", "Metric")
    assert found["causes"] == ["2 is above 1"]


def test_a_look_leaves_no_trace_on_the_champion_s_run(
    team: Team, registry: Registry, tmp_path: Path
) -> None:
    table = pd.DataFrame({"x": range(200)})
    run = registry.champion(table)
    (tmp_path / "today.csv").write_text((table + 100).to_csv(index=False))
    drift = {"name": "drift", "drift": {"current": str(tmp_path / "today.csv")}}
    laptop = Laptop(team, [drift])
    (found,) = laptop.data()
    assert found["finding"] == "Drifted"
    assert registry.client.get_run(run).data.metrics == {}
    assert list(team.folder.iterdir()) == []
