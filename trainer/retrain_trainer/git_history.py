"""The history and tags of a commit that was fetched alone: `git describe` answers as in a clone."""

import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from retrain_core.outcome import RunFailed
from retrain_trainer.git_command import Git

SECONDS = 60
"""For one try."""
DEPTH = 500
"""Commits, where the server cannot leave the files' contents out."""
_HEAD = "refs/retrain/head"
_CAN_FILTER = re.compile(r"< (?:fetch=|\S+ \S+\\0)[^\n]*\bfilter\b")
"""In a trace of what the server says of itself, by protocol 2 and those before."""


@contextmanager
def watched(git: Git) -> Iterator[tuple[Git, Callable[[], bool]]]:
    """``git``, and whether the server that it has spoken with can leave out files' contents."""
    with tempfile.NamedTemporaryFile() as trace:
        path = Path(trace.name)
        yield (
            replace(git, env={**git.env, "GIT_TRACE_PACKET": trace.name}),
            lambda: bool(_CAN_FILTER.search(path.read_text(errors="replace"))),
        )


def fetch_history(git: Git, commit: str, can_filter: bool) -> str | None:
    """Fetch the commits before ``commit`` and their tags, without the contents of their files.

    Nothing is ever fetched later. Returns what is to be known where not all could be had in
    good time.
    """
    if not _is_shallow(git):
        return None
    if can_filter:
        # With their folders `git log -- PATH` works; without them history is small, however long.
        ways = ["--unshallow --filter=blob:none", "--unshallow --filter=tree:0"]
    else:
        ways = [f"--depth={DEPTH}"]
    if not any(_fetch(git, commit, way.split()) for way in ways):
        return "the history could not be fetched in good time: `git describe` finds no tag"
    if _is_shallow(git):
        return (
            f"the last {DEPTH} commits were fetched, as the server gives out none without their"
            " files: `git describe` finds no tag before them"
        )
    return None


def _fetch(git: Git, commit: str, way: Iterable[str]) -> bool:
    url = git.source.url
    limited = replace(git, seconds=SECONDS, began=time.monotonic())
    # With a name for the commit git brings the tags of what it fetches, and no others.
    options = ("--quiet", "--no-recurse-submodules", *way)
    try:
        done = limited.attempt("fetch", *options, "--", url, f"+{commit}:{_HEAD}")
    except RunFailed:
        _sweep(git.folder / ".git")
        return False
    finally:
        # Else a missing file would be asked of the server, which a stage has no key for. Some
        # programs that read repositories do not know the settings' format either.
        git.attempt("config", "--remove-section", f"remote.{url}")
        git.attempt("config", "--unset", "extensions.partialClone")
        git.attempt("config", "core.repositoryFormatVersion", "0")
        git.attempt("update-ref", "-d", _HEAD)
    return done.returncode == 0


def _is_shallow(git: Git) -> bool:
    return git.call("rev-parse", "--is-shallow-repository") == "true"


def _sweep(folder: Path) -> None:
    """Remove what a git that was ended in the middle leaves."""
    for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/pack/.tmp-*"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
