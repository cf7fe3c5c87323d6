"""Fetches what a revision means: one ref by its full name, or one commit that it leads to."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.git_command import Git

_SHA = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")
_SHORT_SHA = re.compile(r"^[0-9a-f]{7,39}$")
_OPTIONS = ("--quiet", "--no-tags", "--no-recurse-submodules")
_EVERYTHING = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
_NAMED = "refs/retrain/named"


def fetch_revision(git: Git, revision: str, depth: int, pinned: str | None = None) -> str:
    """Fetch ``depth`` commits of ``revision``, or of ``pinned``, which it must lead to.

    Returns the commit.

    Raises:
        RunFailed: SourceNotFound, SourceDenied or SourceUnreachable; InvalidSpec where the name
            means two things.
    """
    name = _full_name(git, revision)
    if pinned is None:
        return _fetch(git, revision, name, depth)
    if pinned != revision:
        if name is None and not _SHORT_SHA.match(revision):
            raise _rewritten(git, revision, pinned, "is gone")
        head = _fetch(git, revision, name, depth)
        if head != pinned and not _leads_to(git, revision, name, pinned):
            raise _rewritten(git, revision, pinned, "does not lead to it any more")
    return _fetch(git, pinned, pinned, depth)


def _rewritten(git: Git, revision: str, pinned: str, what: str) -> RunFailed:
    """The server may still give the commit out, but only MLflow says that the run began with it:
    whoever writes there would choose what is trained, a stranger's pull request too."""
    return RunFailed(
        Reason.SOURCE_NOT_FOUND,
        f"this run began with commit {pinned[:12]}, and {revision} of {git.shown} {what}: it was"
        " rewritten or deleted since, or somebody has changed the tag retrain.dev/commit of the"
        " MLflow run",
        "Start a new run: it trains what the revision means now. To train that commit, put a branch"
        " or tag on it and name that; what had ended is not trained twice.",
    )


def _full_name(git: Git, revision: str) -> str | None:
    """What git is to fetch: it takes a tag before a branch that is called alike.

    None: no branch and no tag has that name.
    """
    if _SHA.match(revision) or revision == "HEAD" or revision.startswith("refs/"):
        return revision
    names = [f"refs/heads/{revision}", f"refs/tags/{revision}"]
    lines = git.call("ls-remote", "--refs", "--", git.source.url, *names).splitlines()
    refs = {line.partition("\t")[2] for line in lines}
    found = [name for name in names if name in refs]
    if len(found) > 1:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.source.git.revision: {git.shown} has a branch and a tag {revision}: name the one"
            f" that is meant, {' or '.join(found)}",
        )
    return found[0] if found else None


def _fetch(git: Git, revision: str, name: str | None, depth: int) -> str:
    """Fetch ``name`` alone where the server gives it out, else everything."""
    if name is not None:
        url = git.source.url
        done = git.attempt("fetch", *_OPTIONS, f"--depth={depth}", "--", url, name)
        if done.returncode == 0:
            return git.call("rev-parse", "--verify", "FETCH_HEAD^{commit}")
        if not _SHA.match(name) or not git.has_no_such(done.stderr):
            raise git.failure(done)
    elif not _SHORT_SHA.match(revision):
        raise git.no_revision(revision)
    git.call("fetch", *_OPTIONS, "--", git.source.url, *_EVERYTHING)
    return _commit(git, revision)


def _leads_to(git: Git, revision: str, name: str | None, commit: str) -> bool:
    """Whether ``commit`` is what ``revision`` means now, or came before it."""
    if _SHA.match(revision):
        return commit == revision
    with tempfile.TemporaryDirectory() as folder:
        history = replace(git, folder=Path(folder))
        history.call("init", "--quiet", "--bare", "--template=")
        refs = (f"+{name}:{_NAMED}",) if name else _EVERYTHING
        # The commits alone say it, and are small, however many there are.
        for way in ("--filter=tree:0", "--no-filter"):
            done = history.attempt("fetch", *_OPTIONS, way, "--", git.source.url, *refs)
            if done.returncode == 0:
                break
        else:
            raise git.failure(done)
        named = f"{_NAMED}^{{commit}}" if name else _commit(history, revision)
        # Else a commit that is not in this history would be asked of the server.
        offline = replace(history, env={**git.env, "GIT_NO_LAZY_FETCH": "1"})
        return not offline.attempt("merge-base", "--is-ancestor", commit, named).returncode


def _commit(git: Git, revision: str) -> str:
    found = git.attempt("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if found.returncode != 0:
        raise RunFailed(
            Reason.SOURCE_NOT_FOUND,
            f"commit {revision} is on no branch and no tag of {git.shown}",
        )
    return found.stdout.strip()
