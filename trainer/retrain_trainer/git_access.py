"""Credentials for git that stay out of sight, and nothing of the machine's own configuration.

They reach git through a helper program and a private key file, never a URL or an argument.
"""

import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from retrain_core.outcome import Reason, RunFailed
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

_HARMLESS = (
    "fetch.fsck.badTimezone",
    "fetch.fsck.missingSpaceBeforeDate",
    "fetch.fsck.zeroPaddedFilemode",
)
"""Of what git finds wrong with objects."""


@dataclass(frozen=True)
class GitSecret:
    """A folder with the keys of a Secret of type basic-auth or ssh-auth."""

    folder: Path

    def has(self, key: str) -> bool:
        return (self.folder / key).is_file()


@dataclass(frozen=True)
class OwnGit:
    """A person's own git: its configuration, credential helpers and keys."""


Access = GitSecret | OwnGit | None


@contextmanager
def git_environment(source: GitSource, access: Access) -> Iterator[dict[str, str]]:
    """The variables for a git that speaks with the server of ``source``.

    Raises:
        RunFailed: InvalidSpec where the Secret is of no use.
    """
    if isinstance(access, OwnGit):
        local = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
        own = {key: value for key, value in os.environ.items() if key not in local}
        yield own | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
        return
    with _credentials(source, access) as env:
        yield env


def without_git(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without what would lead git elsewhere."""
    return {key: value for key, value in environment.items() if not key.startswith("GIT_")}


@contextmanager
def _credentials(source: GitSource, secret: GitSecret | None) -> Iterator[dict[str, str]]:
    """The environment of git: nothing of the machine's own configuration, and the Secret."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = without_git(os.environ)
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
            **git_settings(
                {
                    "safe.directory": "*",
                    "core.hooksPath": os.devnull,
                    "credential.helper": "",
                    "http.lowSpeedLimit": "1000",
                    "http.lowSpeedTime": "60",
                    "transfer.fsckObjects": "true",
                    # Old repositories have them, and they lead nobody astray.
                    **dict.fromkeys(_HARMLESS, "ignore"),
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


def git_settings(values: Mapping[str, str]) -> dict[str, str]:
    """Variables that give git these settings."""
    env = {"GIT_CONFIG_COUNT": str(len(values))}
    for number, (key, value) in enumerate(values.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env
