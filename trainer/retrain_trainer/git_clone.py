"""A clone as a person has it: history, tags, submodules and the files of Git LFS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrain_core.outcome import RunFailed
from retrain_core.spec import GitSource
from retrain_trainer.git import check_out, require_folder
from retrain_trainer.git_access import Access, git_environment
from retrain_trainer.git_command import Git
from retrain_trainer.git_history import fetch_history, watched
from retrain_trainer.git_lfs import fetch_lfs_files
from retrain_trainer.git_submodules import (
    Submodule,
    find_submodules,
    gitlinks,
    refused,
    same_host,
)
from retrain_trainer.pointers import some_of

MOST_SUBMODULES = 200
DEEPEST = 10


def clone_commit(
    source: GitSource,
    target: Path,
    access: Access,
    pinned: str | None,
    warn: Callable[[str], None],
) -> str:
    """Clone what ``source.revision`` means now, or ``pinned`` before it, into ``target``.

    HEAD is detached at the commit, and nothing of it is fetched later. ``warn`` is told what
    could not be had and is not needed by every training. Returns the commit.

    Raises:
        RunFailed: SourceNotFound, SourceDenied, SourceUnreachable or InvalidSpec; of a submodule
            or of files of Git LFS with their names.
    """
    clone = _Clone(source, access, warn)
    commit = clone.fetch(source, target, (), pinned)
    require_folder(source, target, commit)
    return commit


@dataclass
class _Clone:
    source: GitSource
    access: Access
    warn: Callable[[str], None]
    submodules: int = 0

    def fetch(
        self, source: GitSource, target: Path, within: tuple[str, ...], pinned: str | None = None
    ) -> str:
        """Clone ``source``, a submodule ``within`` others unless they are none, and its own."""
        ours = same_host(source.url, self.source.url)
        hint = "" if ours else " (spec.source.git.secretRef is sent to the host of the spec alone)"
        with git_environment(source, self.access if ours else None) as env:
            git = Git(target, env, source, secret_hint=hint if within else None)
            # With the commit before it `git show` tells what has changed.
            with watched(git) as (told, can_filter):
                commit = check_out(told, source.revision, depth=2, pinned=pinned)
                notes = [fetch_history(git, commit, can_filter())]
            git.call("config", "remote.origin.url", source.url)
            if left := fetch_lfs_files(git):
                notes.append(f".lfsconfig leaves {some_of(left)} pointers of Git LFS")
            submodules = list(find_submodules(git))
            if unnamed := gitlinks(git).keys() - {submodule.path for submodule in submodules}:
                notes.append(f"{some_of(unnamed)} stays empty: .gitmodules does not bring it")
        for text in filter(None, notes):
            self.warn("/".join(within) + ": " + text if within else text)
        for submodule in submodules:
            self._fetch_submodule(submodule, target, within)
        return commit

    def _fetch_submodule(self, submodule: Submodule, target: Path, within: tuple[str, ...]) -> None:
        place = (*within, submodule.path)
        shown = "/".join(place)
        self.submodules += 1
        if self.submodules > MOST_SUBMODULES or len(place) > DEEPEST:
            raise refused(shown, "there are too many submodules, or too deep in each other")
        folder = target / submodule.path
        if folder.resolve() != target.resolve() / submodule.path:
            raise refused(shown, "its path leads through a symbolic link")
        try:
            self.fetch(submodule.source, folder, place)
        except RunFailed as failure:
            if failure.message.startswith("the submodule "):
                raise
            raise refused(shown, failure.message, failure) from None
