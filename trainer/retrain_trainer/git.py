"""One commit of a repository that is not trusted, its tags, and what it holds."""

import os
import subprocess
import tempfile
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import GitSource
from retrain_trainer.git_access import Access, git_environment, git_settings, without_git
from retrain_trainer.git_command import Git
from retrain_trainer.git_revision import fetch_revision


def fetch_commit(
    source: GitSource,
    target: Path,
    access: Access,
    pinned: str | None = None,
    *,
    seconds: float | None = None,
) -> str:
    """Check out what ``source.revision`` means now, or ``pinned`` before it, into ``target``.

    Returns the commit. All commands of git together may take ``seconds``.

    Raises:
        RunFailed: SourceNotFound, SourceDenied, SourceUnreachable or InvalidSpec.
    """
    with git_environment(source, access) as env:
        git = Git(target, env, source, seconds)
        commit = check_out(git, source.revision, depth=1, pinned=pinned)
    require_folder(source, target, commit)
    return commit


def check_out(git: Git, revision: str, depth: int, pinned: str | None = None) -> str:
    """Make the folder of ``git`` a repository at ``revision``, with ``depth`` commits of it.

    It is at ``pinned`` instead, if that is given and ``revision`` leads to it. Returns the commit.

    Raises:
        RunFailed: SourceNotFound, SourceDenied, SourceUnreachable or InvalidSpec.
    """
    git.folder.mkdir(parents=True, exist_ok=True)
    git.call("init", "--quiet", "--template=")
    commit = fetch_revision(git, revision, depth, pinned)
    git.call("checkout", "--quiet", "--force", "--detach", commit, "--")
    return commit


def require_folder(source: GitSource, target: Path, commit: str) -> None:
    """Make sure that the project's folder is in the commit.

    Raises:
        RunFailed: SourceNotFound.
    """
    if not (target / source.path).is_dir():
        raise RunFailed(
            Reason.SOURCE_NOT_FOUND,
            f"spec.source.git.path: there is no folder {source.path} in commit {commit[:12]}",
        )


def list_tags(source: GitSource, access: Access, *, seconds: float) -> list[tuple[str, str]]:
    """Name and commit of each tag of the repository, in the order of their versions.

    Raises:
        RunFailed: SourceNotFound, SourceDenied, SourceUnreachable or InvalidSpec.
    """
    with git_environment(source, access) as env, tempfile.TemporaryDirectory() as folder:
        git = Git(Path(folder), env, source, seconds)
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
