"""A team's repository and servers, and looks at them as the check's pod has them."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient

from retrain_core.evidence import Evidence, Report, parse_report
from retrain_core.spec import TrainingRunSpec, Trigger
from retrain_core.spec.training_run import Profile
from retrain_core.verdict.finding import Verdict
from retrain_core.verdict.triggers import judge
from retrain_trainer.check.context import CheckContext
from retrain_trainer.check.run import check
from retrain_trainer.git_access import GitSecret
from retrain_trainer.profile import as_json, profile
from retrain_trainer.report import LogReporter
from servers.git_https import GitHttpsServer
from servers.git_repos import BareRepository
from servers.mlflow_server import MlflowServer
from servers.s3 import S3Server
from support import forks

FILES = {".dvc/config": "", "dvc.yaml": "stages: {}\n", "data/raw.csv": "x\n1\n"}


@dataclass
class Team:
    """A repository, and what its checks are told."""

    folder: Path
    name: str
    repository: BareRepository
    server: GitHttpsServer
    run: dict[str, Any] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    timeout: int = 300
    forked: bool = True
    """Whether its pods are spared the imports."""
    metric_secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    secret: dict[str, str] = field(default_factory=dict)
    """Keys of the git Secret; else those of the server."""

    def spec(self) -> dict[str, Any]:
        git = {"url": self.server.url(self.name), "secretRef": {"name": "git"}}
        return {"source": {"git": git}, **self.run}

    @property
    def git_secret(self) -> Path:
        folder = self.folder / "git-secret"
        folder.mkdir(exist_ok=True)
        given = {"username": self.server.user or "", "password": self.server.password or ""}
        for key, value in (self.secret or given).items():
            (folder / key).write_text(value)
        return folder

    def look(self, *triggers: dict[str, Any]) -> Report:
        """What the check sees, looked at in this process."""
        scratch = self.folder / f"scratch-{uuid.uuid4().hex[:6]}"
        scratch.mkdir()
        run = TrainingRunSpec.model_validate(self.spec())
        with open(self.folder / "log", "a") as log:
            context = CheckContext(
                run=run,
                scratch=scratch,
                access=GitSecret(self.git_secret),
                metric_secrets=lambda name: self.metric_secrets.get(name, {}),
                redact=lambda text: text,
                report=LogReporter(log),
                tracking_uri=run.mlflow.tracking_uri,
                known=self.known,
            )
            *_, seen = check([Trigger.model_validate(each) for each in triggers], context)
        # As it travels.
        found = parse_report(seen.dump())
        assert found is not None
        return found

    def see(self, **trigger: Any) -> Evidence:
        """The evidence of one trigger."""
        (seen,) = self.look({"name": "t", **trigger}).triggers
        return seen

    def unseen(self, **trigger: Any) -> tuple[str, str]:
        """Reason and message of a trigger that cannot be looked at."""
        seen = self.see(**trigger)
        assert seen.unseen is not None, seen
        return seen.unseen.reason, seen.unseen.message

    def judged(self, **trigger: Any) -> Verdict:
        """What the operator would decide; it is known from then on."""
        verdict = judge(
            self.see(**trigger),
            Trigger.model_validate({"name": "t", **trigger}),
            self.known.get("t"),
        )
        assert verdict is not None
        if verdict.known is not None:
            self.known["t"] = verdict.known
        return verdict

    def pod(
        self, triggers: list[dict[str, Any]], **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """The check as its two containers run it; its message is in ``message``."""
        task = {
            "schedule": "s",
            "run": self.spec(),
            "triggers": triggers,
            "known": self.known,
            "timeoutSeconds": self.timeout,
        }
        (self.folder / "task.json").write_text(json.dumps(task))
        for name, keys in self.metric_secrets.items():
            folder = self.folder / "metrics" / name
            folder.mkdir(parents=True, exist_ok=True)
            for key, value in keys.items():
                (folder / key).write_text(value)
        credentials = ["--git-secret", str(self.git_secret)]
        credentials += ["--metrics-secrets", str(self.folder / "metrics")]
        looked = self._step("look", credentials, environment)
        if looked.returncode:
            return looked
        checked = self._step("check", [], environment)
        checked.stderr = looked.stderr + checked.stderr
        return checked

    def _step(
        self, step: str, options: list[str], environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        command = [*forks.trainer(forked=self.forked), step, *options]
        command += ["--spec", str(self.folder / "task.json"), "--workspace", str(self.folder / "w")]
        command += ["--result", str(self.folder / "message")]
        return subprocess.run(
            command,
            cwd="/",
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "HOME": str(self.folder),
                "LANG": "C.UTF-8",
                "GIT_SSL_CAINFO": str(self.server.ca_file),
                "NO_PROXY": "127.0.0.1,localhost",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def message(self) -> str:
        return (self.folder / "message").read_text()


@pytest.fixture
def in_place() -> Iterator[None]:
    """A look leads the process into the project."""
    folder, kept = os.getcwd(), dict(os.environ)
    yield
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture
def make_team(
    in_place: None,
    tmp_path: Path,
    git_root: Path,
    git_https: GitHttpsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Team]:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(git_https.ca_file))

    def make(files: dict[str, str | bytes] | None = None) -> Team:
        name = f"team-{uuid.uuid4().hex[:8]}"
        repository = BareRepository.create(git_root / f"{name}.git", {**FILES, **(files or {})})
        folder = tmp_path / name
        folder.mkdir()
        return Team(folder, name, repository, git_https)

    return make


@pytest.fixture
def team(make_team: Callable[..., Team]) -> Team:
    return make_team()


@pytest.fixture
def store(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """With its address and credentials in the environment."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return s3


@dataclass
class Registry:
    """Champions on the MLflow server, made without training."""

    uri: str
    model: str

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def champion(self, table: pd.DataFrame | None, alias: str = "champion") -> str:
        """A version trained on ``table`` that holds the alias; its run."""
        client = self.client
        run = client.create_run("0")
        if table is not None:
            text = as_json(profile(table, Profile(path="data.csv")))
            client.log_text(run.info.run_id, text, "retrain/profile.json")
        if not client.search_registered_models(f"name='{self.model}'"):
            client.create_registered_model(self.model)
        version = client.create_model_version(self.model, "s3://no/where", run_id=run.info.run_id)
        client.set_registered_model_alias(self.model, alias, version.version)
        return str(run.info.run_id)


@pytest.fixture
def registry(team: Team, mlflow_server: MlflowServer) -> Registry:
    team.run = {"mlflow": {"trackingURI": mlflow_server.uri}, "model": {"name": team.name}}
    return Registry(mlflow_server.uri, team.name)
