"""What git says is not committed, asked in the copy: asking may write."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from retrain_cli.work_copy.files import Mirror
from retrain_cli.work_copy.git import head, run_git
from retrain_cli.work_copy.original import Original
from retrain_cli.work_copy.repository import STATUS_INDEX
from retrain_trainer.uncommitted import Uncommitted

_STATUS = ("status", "--porcelain=v2", "-z", "--no-renames", "--ignore-submodules=none")


def uncommitted(
    repositories: Sequence[str], copy: Path, project: Path, mirror: Mirror
) -> Uncommitted:
    """What of ``copy`` is not in its commit, as seen from the folder ``project`` in it.

    ``repositories`` are folders of the copy, the outer one first: git tells of those inside that
    they have changed.
    """
    if not repositories or repositories[0] != "" or head(copy) is None:
        return Uncommitted(repository=False)
    changed: list[str] = []
    untracked: list[str] = []
    submodules: list[str] = []
    for kind, path in _status(copy):
        by_a_stage = kind == "?" and not path.endswith("/") and path not in mirror.copied
        if path in mirror.redirected or by_a_stage:
            continue
        shown = os.path.relpath(PurePosixPath("/") / path, PurePosixPath("/") / project)
        (submodules if kind == "S" else untracked if kind == "?" else changed).append(shown)
    return Uncommitted(tuple(changed), tuple(untracked), tuple(submodules))


def _status(copy: Path) -> Iterator[tuple[str, str]]:
    """(S for a submodule, ? for an untracked file, else M; path)."""
    shown = (copy / ".git" / STATUS_INDEX).exists()
    variables = {"GIT_OPTIONAL_LOCKS": "1"}
    if shown:
        variables["GIT_INDEX_FILE"] = str(copy / ".git" / STATUS_INDEX)
    asked = [*_STATUS, "--untracked-files=all"]
    done = run_git(asked, copy, variables=variables, check=False)
    if done.returncode != 0:
        # A filter that is not installed, as Git LFS: files that only it could compare have changed.
        done = run_git(asked, copy, variables=variables, settings=Original(copy).no_filters())
    for line in filter(None, done.stdout.split("\0")):
        kind, rest = line.split(" ", 1)
        if kind == "?":
            yield "?", rest
        elif kind in "12u":
            fields = rest.split(" ", {"1": 7, "2": 8, "u": 9}[kind])
            yield "S" if fields[1].startswith("S") else "M", fields[-1]
