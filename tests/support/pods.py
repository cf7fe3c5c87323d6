"""Runs `source` and `train` as the containers of a pod do: processes with a mounted spec."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from retrain_core.result import Result, parse
from support import forks

TIMEOUT = 240
Process: TypeAlias = "subprocess.Popen[str]"


@dataclass(frozen=True)
class Ended:
    """How a container ended."""

    code: int
    result: Result
    output: str

    def __str__(self) -> str:
        return f"exit code {self.code}\n{self.result}\n{self.output}"


@dataclass
class Pods:
    """The pods of one Job: each attempt has a new workspace, all have the same uid."""

    folder: Path
    spec: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)
    train_environment: dict[str, str] = field(default_factory=dict)
    git_secret: dict[str, str] | None = None
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    attempt: int = 0

    def run(self) -> Ended:
        """One pod: source, then train if that went well."""
        source = self.source()
        return source if source.code else self.train()

    def source(self) -> Ended:
        """The init container of the next attempt."""
        self.attempt += 1
        options = []
        if self.git_secret is not None:
            secret = self.folder / "git-secret"
            secret.mkdir(exist_ok=True)
            for key, value in self.git_secret.items():
                (secret / key).write_text(value)
            options = ["--git-secret", str(secret)]
        return self._run("source", {}, options)

    def train(self) -> Ended:
        """The main container of this attempt."""
        return self._run("train", self.train_environment, [])

    @contextmanager
    def training(self, **environment: str) -> Iterator[Process]:
        """The main container of this attempt while it runs, in a process group of its own."""
        process = self._start("train", self.train_environment | environment, [])
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
            process.communicate()

    def ended(self, process: Process) -> Ended:
        output, _ = process.communicate(timeout=TIMEOUT)
        text = self._message("train").read_text() if self._message("train").exists() else ""
        return Ended(process.returncode, parse(text) or Result(), output)

    def _run(self, step: str, environment: dict[str, str], options: list[str]) -> Ended:
        process = self._start(step, environment, options, forked=True)
        output, _ = process.communicate(timeout=TIMEOUT)
        text = self._message(step).read_text()
        result = parse(text)
        assert result is not None, f"no result in {text!r}\n{output}"
        return Ended(process.returncode, result, output)

    def _start(
        self, step: str, environment: dict[str, str], options: list[str], *, forked: bool = False
    ) -> Process:
        spec = self.folder / "spec.json"
        # Most tests are of servers that will not come back.
        spec.write_text(json.dumps({"outageToleranceSeconds": 0} | self.spec))
        workspace = self.folder / f"workspace-{self.attempt}"
        workspace.mkdir(exist_ok=True)
        arguments = [step, "--spec", str(spec), "--workspace", str(workspace)]
        arguments += ["--result", str(self._message(step)), *options]
        return self._trainer(arguments, self.environment | environment, forked=forked)

    def _trainer(
        self, arguments: list[str], environment: dict[str, str], *, forked: bool
    ) -> Process:
        """The trainer with the variables of a container; ``forked``: nobody will kill it."""
        return subprocess.Popen(
            [*forks.trainer(forked=forked), *arguments],
            env=self._base() | environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _message(self, step: str) -> Path:
        return self.folder / f"{step}-{self.attempt}.json"

    def _base(self) -> dict[str, str]:
        """Little of the test's environment, as in a pod."""
        kept = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NO_PROXY", "no_proxy")
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "RETRAIN_JOB_UID": self.uid,
            "RETRAIN_RUN_NAME": "toy",
            "AWS_EC2_METADATA_DISABLED": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **{name: os.environ[name] for name in kept if name in os.environ},
        }
