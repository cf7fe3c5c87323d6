"""A project on a laptop, and the command line as a person types it."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from servers.git_repos import git_environment
from support import forks
from support.toy import manifest, toy_files, toy_spec, write_files

RETRAIN = Path(sys.executable).parent / "retrain"


@dataclass
class Laptop:
    """A git work tree with the toy project, and what the stages told."""

    project: Path
    log: Path
    environment: dict[str, str] = field(default_factory=dict)

    def retrain(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*forks.program(forks.RETRAIN), *arguments],
            cwd=self.project,
            env=self._environment() | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.retrain("run", "-f", "trainingrun.yaml", *arguments, **environment)

    def ran(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.project,
            env=git_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def forge_record(self, version: str, **parts: dict[str, str]) -> str:
        """Give a version of `toy` another record, in MLflow and in the store: with those texts.

        Returns the digest of the one it had.
        """
        client = MlflowClient(f"sqlite:///{self.project}/.retrain/mlflow/mlflow.db")
        digest = client.get_model_version("toy", version).tags["retrain.dev/record"]
        folder = self.project / ".retrain/remote/retrain/records"
        state = json.loads((folder / f"{digest}.json").read_text())
        for part, texts in parts.items():
            state[part] |= texts
        text = json.dumps(state)
        forged = hashlib.sha256(text.encode()).hexdigest()
        (folder / f"{forged}.json").write_text(text)
        client.set_model_version_tag("toy", version, "retrain.dev/record", forged)
        return digest

    def set_record(self, version: str, digest: str) -> None:
        client = MlflowClient(f"sqlite:///{self.project}/.retrain/mlflow/mlflow.db")
        client.set_model_version_tag("toy", version, "retrain.dev/record", digest)

    def dvc(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "dvc", *arguments, "--quiet"]
        env = self._environment() | {"DVC_NO_ANALYTICS": "1"}
        subprocess.run(command, cwd=self.project, env=env, check=True)

    def commit(self, message: str = "change") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def write(self, spec: dict[str, Any]) -> None:
        (self.project / "trainingrun.yaml").write_text(manifest(spec))

    def digest(self) -> str:
        """Of every file's path, mode and bytes, `.retrain/` apart."""
        found = hashlib.sha256()
        for path in sorted(self.project.rglob("*")):
            if ".retrain" in path.parts or not path.is_file():
                continue
            found.update(f"{path} {path.stat().st_mode}\n".encode() + path.read_bytes())
        return found.hexdigest()

    def _environment(self) -> dict[str, str]:
        dropped = ("MLFLOW_", "AWS_", "DVC_", "GIT_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        path = f"{RETRAIN.parent}:{os.environ['PATH']}"
        told = {"TOY_LOG": str(self.log), "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
        return kept | told | self.environment


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    project = write_files(tmp_path / "project", toy_files())
    (project / "trainingrun.yaml").write_text(manifest(toy_spec()))
    laptop = Laptop(project, tmp_path / "ran.log")
    laptop.git("init", "--quiet", "--initial-branch=main")
    laptop.commit("start")
    return laptop
