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
from servers.git_repos import BareRepository
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


NAMES_A_PROGRAM = {
    "the configuration": (
        {
            ".dvc/config": "[core]\n    site_cache_dir = {outside}\n[cache]\n    dir = {outside}\n"
            "['remote \"x\"']\n    url = s3://bucket\n    endpointurl = http://127.0.0.1:9\n"
            "    profile = evil\n    configpath = ../tooling.cfg\n"
        },
        {"path": "remote://x/raw.csv"},
        "remote x: not used on this machine, which is yours: configpath, profile",
    ),
    "its local part": (
        {
            ".dvc/config.local": "['remote \"x\"']\n    url = s3://bucket\n"
            "    endpointurl = http://127.0.0.1:9\n"
            "    profile = evil\n    configpath = ../tooling.cfg\n"
        },
        {"path": "remote://x/raw.csv"},
        "remote x: not used on this machine, which is yours: configpath, profile",
    ),
    "the import": (
        {},
        {
            "path": "s3://bucket/raw.csv",
            "fs_config": {
                "endpointurl": "http://127.0.0.1:9",
                "profile": "evil",
                "configpath": "{tooling}",
            },
        },
        "remote s3://bucket/raw.csv: not used on this machine, which is yours: configpath, profile",
    ),
    "what it imports from": (
        {},
        {
            "path": "data.csv",
            "repo": {
                "url": "{upstream}",
                "rev": "main",
                "config": {"core": {"remote": "x", "site_cache_dir": "{outside}"}},
                "remote": {
                    "url": "s3://bucket",
                    "endpointurl": "http://127.0.0.1:9",
                    "profile": "evil",
                    "configpath": "{tooling}",
                },
            },
        },
        "not used on this machine, which is yours: config",
    ),
}
LIKE_ANOTHER = "its local part"


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(name, marks=[pytest.mark.exhaustive] if name == LIKE_ANOTHER else [])
        for name in NAMES_A_PROGRAM
    ],
)
def test_what_a_stranger_s_repository_names_is_neither_run_nor_written_to(
    team: Team, tmp_path: Path, place: str
) -> None:
    ran, outside = tmp_path / "ran", tmp_path / "outside"
    outside.mkdir()
    tooling = tmp_path / "tooling.cfg"
    profile = "[profile evil]\nregion = us-east-1\ncredential_process = "
    tooling.write_text(f'{profile}sh -c "touch {ran}; exit 1"\n')
    upstream = BareRepository.create(
        team.server.root / f"{tmp_path.name}-upstream.git",
        {
            ".dvc/config": "",
            "data.csv.dvc": f"outs:\n- path: data.csv\n  md5: {'0a' * 16}\n  size: 1\n",
        },
    )
    upstream_url = str(upstream.path)
    files, dependency, words = NAMES_A_PROGRAM[place]

    def filled(text: str) -> str:
        for name, value in (("outside", outside), ("tooling", tooling), ("upstream", upstream_url)):
            text = text.replace(f"{{{name}}}", str(value))
        return text

    imported = {"deps": [dependency], "outs": [{"path": "raw.csv", "hash": "md5"}], "frozen": True}
    team.repository.commit(
        {
            "tooling.cfg": tooling.read_text(),
            "data/raw.csv.dvc": filled(yaml.safe_dump(imported)),
            **{path: filled(text) for path, text in files.items()},
        }
    )
    laptop = Laptop(team, [{"name": "data", "data": {"paths": ["data/raw.csv.dvc"]}}])
    done = laptop.check(AWS_EC2_METADATA_DISABLED="true")
    assert "Traceback" not in done.stderr
    assert words in done.stderr
    assert not ran.exists()
    assert list(outside.iterdir()) == []


def test_links_out_of_a_stranger_s_repository_are_left_out(team: Team, tmp_path: Path) -> None:
    own, tree = tmp_path / "own", tmp_path / "tree"
    (own / ".dvc/tmp").mkdir(parents=True)
    (own / ".dvc/config").touch()
    (own / ".dvc/tmp/rwlock").write_text("{}")
    (own / "raw.csv").write_text("mine")
    tree.mkdir()
    (tree / "dvc.yaml").write_text("stages: {}\n")
    (tree / ".dvc").symlink_to(own / ".dvc")
    (tree / "inside").symlink_to("dvc.yaml")
    imported = {"deps": [{"path": "in.csv"}], "outs": [{"path": "raw.csv"}], "frozen": True}
    (tree / "raw.csv.dvc").write_text(yaml.safe_dump(imported))
    team.repository.commit_tree(tree)
    laptop = Laptop(team, [{"name": "data", "data": {"paths": ["raw.csv.dvc"]}}])
    done = laptop.check()
    assert f".dvc: left out, it links to {own}/.dvc" in done.stderr
    assert "inside" not in done.stderr
    assert "is no DVC project" in done.stdout
    found = sorted(str(path.relative_to(own)) for path in own.rglob("*"))
    assert found == [".dvc", ".dvc/config", ".dvc/tmp", ".dvc/tmp/rwlock", "raw.csv"]
