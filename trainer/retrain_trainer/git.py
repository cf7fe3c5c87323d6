"""Fetches one commit of a repository that is not trusted, and lists its tags.

Positional arguments stand after `--`, and only https, http and ssh are spoken.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_core.spec import GitSource
from retrain_trainer.git_access import Access, git_environment, git_settings, without_git

_SHA = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")
_SHORT_SHA = re.compile(r"^[0-9a-f]{7,39}$")
_NOT_FOUND = re.compile(
    r"repository .*not found|does not appear to be a git repository|not found$|"
    r"returned error: 404|No such file or directory|does not exist|not a git repository",
    re.IGNORECASE | re.MULTILINE,
)
_NO_REVISION = re.compile(
    r"couldn't find remote ref|not our ref|unadvertised object|no such remote ref|"
    r"remote error: .*want .* not valid|bad object|unknown revision",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"Authentication failed|could not read (Username|Password)|Permission denied|"
    r"returned error: 40[13]|Host key verification failed|access denied|terminal prompts disabled",
    re.IGNORECASE,
)


def fetch_commit(
    source: GitSource,
    target: Path,
    access: Access,
    pinned: str | None = None,
    *,
    seconds: float | None = None,
) -> str:
    """Check out ``pinned``, else what ``source.revision`` means now, into ``target``.

    Returns the commit. All commands of git together may take ``seconds``.

    Raises:
        RunFailed: SourceNotFound, SourceDenied, SourceUnreachable or InvalidSpec.
    """
    with git_environment(source, access) as env:
        git = _Git(target, env, source, seconds)
        target.mkdir(parents=True, exist_ok=True)
        git.call("init", "--quiet")
        commit = git.fetch(pinned or source.revision)
        git.call("checkout", "--quiet", "--force", "--detach", commit, "--")
    folder = target / source.path
    if not folder.is_dir():
        raise RunFailed(
            Reason.SOURCE_NOT_FOUND,
            f"spec.source.git.path: there is no folder {source.path} in commit {commit[:12]}",
        )
    return commit


def list_tags(source: GitSource, access: Access, *, seconds: float) -> list[tuple[str, str]]:
    """Name and commit of each tag of the repository, in the order of their versions.

    Raises:
        RunFailed: SourceNotFound, SourceDenied, SourceUnreachable or InvalidSpec.
    """
    with git_environment(source, access) as env, tempfile.TemporaryDirectory() as folder:
        git = _Git(Path(folder), env, source, seconds)
        # A suffix such as -rc1 comes before the version itself.
        order = ("-c", "versionsort.suffix=-", "ls-remote", "--sort=version:refname")
        found = git.call(*order, "--tags", "--", source.url)
    commits: dict[str, str] = {}
    for line in found.split("\n"):
        commit, _, ref = line.partition("\t")
        # Of an annotated tag the commit stands in a second line, its own object in the first.
        commits[ref.removeprefix("refs/tags/").removesuffix("^{}")] = commit
    return list(commits.items())


def object_id(top: Path, path: str) -> str | None:
    """Git's id of the file or folder ``path`` in the commit that is checked out in ``top``.

    None: it is not in the commit.
    """
    name = os.path.normpath(path)
    # Named, and fetching nothing: a folder of the commit may look like a repository of its own,
    # with programs to run in its configuration.
    only = {"GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"}
    settings = {"safe.directory": "*", "safe.bareRepository": "explicit"}
    place = f"HEAD:{'' if name == '.' else name}"
    done = subprocess.run(
        ["git", f"--git-dir={top / '.git'}", "rev-parse", "--verify", "--quiet", place],
        cwd=top,
        env=without_git(os.environ) | git_settings(settings) | only,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None


@dataclass(frozen=True)
class _Git:
    folder: Path
    env: Mapping[str, str]
    source: GitSource
    seconds: float | None = None
    """For all commands together."""
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
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=self._left())
            except BaseException as error:
                # Its helpers too: they hold the pipes, and wait for the server.
                os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    said = f"{self._shown()} has not answered within {self.seconds:.0f} s"
                    raise RunFailed(Reason.SOURCE_UNREACHABLE, said) from None
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _left(self) -> float | None:
        if self.seconds is None:
            return None
        return max(self.began + self.seconds - time.monotonic(), 0)

    def fetch(self, revision: str) -> str:
        """Fetch ``revision`` alone where the server gives it out, else everything."""
        options = ("--quiet", "--no-tags", "--no-recurse-submodules")
        done = self.attempt("fetch", *options, "--depth=1", "--", self.source.url, revision)
        if done.returncode == 0:
            return self.call("rev-parse", "--verify", "FETCH_HEAD^{commit}")
        by_hash = _SHA.match(revision) or _SHORT_SHA.match(revision)
        if not by_hash or not _NO_REVISION.search(done.stderr):
            raise self.failure(done.stderr)
        refs = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        self.call("fetch", *options, "--", self.source.url, *refs)
        found = self.attempt("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        if found.returncode != 0:
            raise RunFailed(
                Reason.SOURCE_NOT_FOUND,
                f"commit {revision} is on no branch and no tag of {self._shown()}",
            )
        return found.stdout.strip()

    def failure(self, stderr: str) -> RunFailed:
        text = " ".join(line.strip() for line in stderr.splitlines() if line.strip())[:600]
        text = without_userinfo(text)
        if _DENIED.search(stderr):
            hint = "" if self.source.secret_ref else " (spec.source.git.secretRef is not set)"
            return RunFailed(Reason.SOURCE_DENIED, f"{self._shown()} refuses us{hint}: {text}")
        if _NO_REVISION.search(stderr):
            return RunFailed(
                Reason.SOURCE_NOT_FOUND,
                f"{self._shown()} has no branch, tag or commit {self.source.revision}",
            )
        if _NOT_FOUND.search(stderr):
            return RunFailed(Reason.SOURCE_NOT_FOUND, f"{self._shown()} does not exist: {text}")
        return RunFailed(Reason.SOURCE_UNREACHABLE, f"{self._shown()} cannot be read: {text}")

    def _shown(self) -> str:
        return without_userinfo(self.source.url)
