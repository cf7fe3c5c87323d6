"""Fetches one commit of a repository that is not trusted, with credentials that stay out of sight.

Credentials reach git through a helper program and a private key file, never a URL or an
argument; positional arguments stand after `--`, and only https, http and ssh are spoken.
"""

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_core.spec import GitSource

_ASKPASS = """#!/bin/sh
# A redirect may lead to another host, or to http, which must not be told: the host stands at the
# end, as a user name that a redirect brings along can look like one.
case "$1" in
  "Username for 'https://$RETRAIN_GIT_HOST': ") cat "$RETRAIN_GIT_SECRET/username" ;;
  "Password for 'https://$RETRAIN_GIT_HOST': ") cat "$RETRAIN_GIT_SECRET/password" ;;
  "Password for 'https://"*"@$RETRAIN_GIT_HOST': ") cat "$RETRAIN_GIT_SECRET/password" ;;
  *) exit 1 ;;
esac
"""
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


@dataclass(frozen=True)
class GitSecret:
    """A folder with the keys of a Secret of type basic-auth or ssh-auth."""

    folder: Path

    def has(self, key: str) -> bool:
        return (self.folder / key).is_file()


def fetch_commit(
    source: GitSource, target: Path, secret: GitSecret | None, pinned: str | None = None
) -> str:
    """Check out ``pinned``, else what ``source.revision`` means now, into ``target``.

    Returns the commit.

    Raises:
        RunFailed: SourceNotFound, SourceDenied, SourceUnreachable or InvalidSpec.
    """
    with _credentials(source, secret) as env:
        git = _Git(target, env, source)
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


@dataclass(frozen=True)
class _Git:
    folder: Path
    env: Mapping[str, str]
    source: GitSource

    def call(self, *arguments: str) -> str:
        done = self.attempt(*arguments)
        if done.returncode != 0:
            raise self.failure(done.stderr)
        return done.stdout.strip()

    def attempt(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=dict(self.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

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


@contextmanager
def _credentials(source: GitSource, secret: GitSecret | None) -> Iterator[dict[str, str]]:
    """The environment of git: nothing of the machine's own configuration, and the Secret."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        kept = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
        env |= {key: os.environ[key] for key in kept if key in os.environ}
        env |= {
            "HOME": str(folder),
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ALLOW_PROTOCOL": "https:http:ssh",
            "GIT_LFS_SKIP_SMUDGE": "1",
            **_settings(
                {
                    "safe.directory": "*",
                    "core.hooksPath": os.devnull,
                    "credential.helper": "",
                    "http.lowSpeedLimit": "1000",
                    "http.lowSpeedTime": "60",
                }
            ),
        }
        ssh = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]
        if secret is not None and secret.has("password"):
            program = folder / "askpass"
            program.write_text(_ASKPASS)
            program.chmod(0o700)
            env["GIT_ASKPASS"] = str(program)
            env["RETRAIN_GIT_HOST"] = urlsplit(source.url).netloc
            env["RETRAIN_GIT_SECRET"] = str(secret.folder)
        elif secret is not None and secret.has("ssh-privatekey"):
            ssh += _ssh_options(folder, secret)
        elif secret is not None:
            raise RunFailed(
                Reason.INVALID_SPEC,
                "spec.source.git.secretRef: the Secret must be of type kubernetes.io/basic-auth or"
                " kubernetes.io/ssh-auth",
            )
        env["GIT_SSH_COMMAND"] = shlex.join(ssh)
        yield env


def _ssh_options(folder: Path, secret: GitSecret) -> list[str]:
    if not secret.has("known_hosts"):
        raise RunFailed(
            Reason.INVALID_SPEC,
            "spec.source.git.secretRef: the Secret has no key known_hosts; add the output of"
            " `ssh-keyscan HOST`, so that the server can be recognised",
        )
    key = folder / "key"
    # A mounted Secret is readable for the group, which ssh refuses; some tools cut the last line.
    key.touch(0o600)
    key.write_text((secret.folder / "ssh-privatekey").read_text().rstrip("\n") + "\n")
    return [
        *("-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"UserKnownHostsFile={secret.folder / 'known_hosts'}"),
    ]


def _settings(values: Mapping[str, str]) -> dict[str, str]:
    env = {"GIT_CONFIG_COUNT": str(len(values))}
    for number, (key, value) in enumerate(values.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env
