"""Asks git about a repository without changing it: no index refresh, no hook, filter or prompt."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

NAMES_A_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
"""Variables that hooks and aliases of git set: with them git means another repository."""
_QUIET = ("safe.directory=*", "core.fsmonitor=false", "core.hooksPath=/dev/null")


def forget_repository() -> None:
    """Let git in this process and its stages find the repository by the working directory."""
    for name in NAMES_A_REPOSITORY:
        os.environ.pop(name, None)


def run_git(
    arguments: list[str],
    folder: Path,
    *,
    settings: tuple[str, ...] = (),
    variables: Mapping[str, str] | None = None,
    check: bool = True,
) -> "subprocess.CompletedProcess[str]":
    """Run git in ``folder``; ``settings`` are further `-c` options, ``variables`` environment.

    Raises:
        CalledProcessError: git failed, if ``check``.
        FileNotFoundError: there is no git.
    """
    env = {key: value for key, value in os.environ.items() if key not in NAMES_A_REPOSITORY}
    env |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    env |= {"LC_ALL": "C", **(variables or {})}
    options = [part for setting in (*_QUIET, *settings) for part in ("-c", setting)]
    # File names need not be UTF-8.
    return subprocess.run(
        ["git", *options, *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=check,
    )


def names(arguments: list[str], folder: Path, *, settings: tuple[str, ...] = ()) -> list[str]:
    """The names that a git command with `-z` prints."""
    printed = run_git(arguments, folder, settings=settings).stdout
    return [name for name in printed.split("\0") if name]


def top_of(folder: Path) -> Path | None:
    """The root of the git work tree that ``folder`` is in."""
    try:
        done = run_git(["rev-parse", "--show-toplevel"], folder, check=False)
    except OSError:
        return None
    found = done.stdout.removesuffix("\n")
    return Path(found) if done.returncode == 0 and found else None


def head(folder: Path) -> str | None:
    """The commit of the git repository around ``folder``."""
    try:
        done = run_git(["rev-parse", "--verify", "--quiet", "HEAD"], folder, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def on_a_remote_branch(folder: Path) -> bool:
    """Whether a remote branch, as last fetched, contains the commit of ``folder``."""
    done = run_git(
        ["for-each-ref", "--contains=HEAD", "--count=1", "refs/remotes"], folder, check=False
    )
    return bool(done.stdout.strip())


def tracked_files(folder: Path) -> list[str]:
    """Files below ``folder`` that git tracks, relative to it."""
    done = run_git(["ls-files", "-z"], folder, check=False)
    return [name for name in done.stdout.split("\0") if name]


def changed_files(folder: Path) -> list[str]:
    """Files below ``folder`` that differ from the commit or are untracked, relative to it."""
    changed = run_git(["diff", "--name-only", "--relative", "-z", "HEAD"], folder, check=False)
    look = ["ls-files", "-z", "--others", "--exclude-standard"]
    untracked = run_git(look, folder, check=False)
    return [name for name in (changed.stdout + untracked.stdout).split("\0") if name]
