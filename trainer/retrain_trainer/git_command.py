"""Runs git on a repository that is not trusted, and tells why it failed.

Positional arguments stand after `--`, and only https, http and ssh are spoken.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_core.spec import GitSource

NOT_FOUND = re.compile(
    r"repository .*not found|does not appear to be a git repository|not found$|"
    r"returned error: 404|No such file or directory|does not exist|not a git repository",
    re.IGNORECASE | re.MULTILINE,
)
_NO_REVISION = re.compile(
    r"couldn't find remote ref|not our ref|unadvertised object|no such remote ref|"
    r"remote error: .*want .* not valid|bad object|unknown revision",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"Authentication failed|could not read (Username|Password)|Permission denied|"
    r"returned error: 40[13]|Host key verification failed|access denied|terminal prompts disabled",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Git:
    """Git in one folder, speaking with one server."""

    folder: Path
    env: Mapping[str, str]
    source: GitSource
    seconds: float | None = None
    """For all commands together."""
    secret_hint: str | None = None
    """Why there are no credentials, where it is not that the spec names none."""
    began: float = field(default_factory=time.monotonic)

    def call(self, *arguments: str) -> str:
        done = self.attempt(*arguments)
        if done.returncode != 0:
            raise self.failure(done.stderr)
        return done.stdout.strip()

    def attempt(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        with subprocess.Popen(
            ["git", *arguments],
            cwd=self.folder,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=self._left())
            except BaseException as error:
                # Its helpers too: they hold the pipes, and wait for the server.
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    said = f"{self.shown} has not answered within {self.seconds:.0f} s"
                    raise RunFailed(Reason.SOURCE_UNREACHABLE, said) from None
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _left(self) -> float | None:
        if self.seconds is None:
            return None
        return max(self.began + self.seconds - time.monotonic(), 0)

    def has_no_such(self, stderr: str) -> bool:
        """Whether git says that the server has, or gives out, nothing of the name asked for."""
        return bool(_NO_REVISION.search(stderr))

    def no_revision(self, revision: str) -> RunFailed:
        return RunFailed(
            Reason.SOURCE_NOT_FOUND, f"{self.shown} has no branch, tag or commit {revision}"
        )

    def failure(self, stderr: str) -> RunFailed:
        stderr = stderr.encode(errors="replace").decode()
        text = " ".join(line.strip() for line in stderr.splitlines() if line.strip())[:600]
        text = without_userinfo(text)
        if DENIED.search(stderr):
            hint = "" if self.source.secret_ref else " (spec.source.git.secretRef is not set)"
            hint = hint if self.secret_hint is None else self.secret_hint
            return RunFailed(Reason.SOURCE_DENIED, f"{self.shown} refuses us{hint}: {text}")
        if self.has_no_such(stderr):
            return self.no_revision(self.source.revision)
        if NOT_FOUND.search(stderr):
            return RunFailed(Reason.SOURCE_NOT_FOUND, f"{self.shown} does not exist: {text}")
        return RunFailed(Reason.SOURCE_UNREACHABLE, f"{self.shown} cannot be read: {text}")

    @property
    def shown(self) -> str:
        """The repository, as messages name it."""
        return without_userinfo(self.source.url)
