"""Files that git vouches for: committed together with the dvc.lock that tells of their stage."""

import os
import subprocess
from pathlib import Path

from retrain_trainer.git_access import git_settings, without_git


def committed_with(lock: Path, files: list[Path]) -> list[Path]:
    """Those of ``files`` that are as in the last commit that changed them, which is the lock's.

    A team that commits its metrics commits what `dvc repro` has written with that lock.
    """
    commit = _last_commit(lock)
    if commit is None:
        return []
    return [file for file in files if file.is_file() and _last_commit(file) == commit]


def _last_commit(file: Path) -> str | None:
    """The commit; None where the file is another by now, or in none."""
    if _git(file, "diff", "--quiet", "HEAD") is None:
        return None
    return _git(file, "log", "-1", "--format=%H") or None


def _git(file: Path, *arguments: str) -> str | None:
    settings = {"safe.directory": "*", "core.fsmonitor": "false"}
    done = subprocess.run(
        ["git", *arguments, "--", file.name],
        cwd=file.parent if file.parent.is_dir() else "/",
        env=without_git(os.environ) | git_settings(settings) | {"GIT_NO_LAZY_FETCH": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else None
