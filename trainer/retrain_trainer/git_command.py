"""Runs git on a repository that is not trusted, and tells why it failed.

Positional arguments stand after `--`, and only https, http and ssh are spoken.
"""

import errno
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
from retrain_trainer.git_answers import Answer, last_answer, traced
from retrain_trainer.patience import Away, Odd
from retrain_trainer.refusal import is_passing

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
_MALFORMED = "fsck error"
DENIED = re.compile(
    r"Authentication failed|could not read (Username|Password)|Permission denied|"
    r"returned error: 40[13]|Host key verification failed|access denied|terminal prompts disabled",
    re.IGNORECASE,
)
_DISTRUST = re.compile(
    r"SSL certificate problem|server( certificate)? verification failed", re.IGNORECASE
)
"""Of OpenSSL and of GnuTLS."""
_TRUST = (
    "Mount the certificate of the server's authority by spec.pod.volumes and volumeMounts, and name"
    " its file in GIT_SSL_CAINFO by spec.pod.env."
)


@dataclass(frozen=True)
class Done:
    """A command of git that has ended."""

    returncode: int
    stdout: str
    stderr: str
    asked: bool
    """Whether it was for a server to answer."""
    answer: Answer | None
    """The last of the server over HTTP, where the command has failed."""


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
            raise self.failure(done)
        return done.stdout.strip()

    def attempt(self, *arguments: str) -> "Done":
        with traced(self.env) as (env, trace):
            code, out, err = self._run(arguments, env)
            answer = last_answer(trace.read_text(errors="replace")) if code else None
        asked = not {"fetch", "ls-remote"}.isdisjoint(arguments)
        return Done(code, out, err, asked, answer)

    def _run(self, arguments: tuple[str, ...], env: dict[str, str]) -> tuple[int, str, str]:
        with subprocess.Popen(
            ["git", *arguments],
            cwd=self.folder,
            env=env,
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
                    message = f"{self.shown} has not answered within {self.seconds:.0f} s"
                    raise Away(Reason.SOURCE_UNREACHABLE, message) from None
                raise
        return process.returncode, out, err

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

    def failure(self, done: "Done") -> RunFailed:
        """Why a command has failed: by the server's answer, and by git's words where it has none
        (ssh has no codes) or where they are git's own."""
        stderr = done.stderr.encode(errors="replace").decode()
        text = " ".join(line.strip() for line in stderr.splitlines() if line.strip())[:600]
        text = without_userinfo(text)
        status = done.answer.status if done.answer else None
        if _MALFORMED in stderr:
            return RunFailed(
                Reason.INVALID_PIPELINE,
                f"{self.shown} has an object that git refuses: {text}",
                "Run `git fsck --strict` in a clone: it names the objects that are to be replaced.",
            )
        if os.strerror(errno.ENOSPC) in stderr or os.strerror(errno.EDQUOT) in stderr:
            return RunFailed(Reason.NO_SPACE_LEFT, f"{self.shown} does not fit here: {text}")
        if done.answer and is_passing(done.answer.status, done.answer.headers):
            return Away(Reason.SOURCE_UNREACHABLE, f"{self.shown} cannot be read: {text}")
        if status in (401, 403, 407) or (status is None and DENIED.search(stderr)):
            hint = "" if self.source.secret_ref else " (spec.source.git.secretRef is not set)"
            hint = hint if self.secret_hint is None else self.secret_hint
            return RunFailed(Reason.SOURCE_DENIED, f"{self.shown} refuses us{hint}: {text}")
        if self.has_no_such(stderr):
            return self.no_revision(self.source.revision)
        if status == 404 or (status is None and NOT_FOUND.search(stderr)):
            return RunFailed(Reason.SOURCE_NOT_FOUND, f"{self.shown} does not exist: {text}")
        if status is None and _DISTRUST.search(stderr):
            message = f"{self.shown} has a certificate that is not trusted: {text}"
            return Odd(Reason.SOURCE_UNREACHABLE, message, _TRUST, server=self.shown)
        message = f"{self.shown} cannot be read: {text}"
        if done.asked and (status is None or status < 300):
            return Away(Reason.SOURCE_UNREACHABLE, message)
        return Odd(Reason.SOURCE_UNREACHABLE, message, server=self.shown)

    @property
    def shown(self) -> str:
        """The repository, as messages name it."""
        return without_userinfo(self.source.url)
