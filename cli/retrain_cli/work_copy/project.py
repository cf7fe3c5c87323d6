"""The copy that a run trains in, brought up to date with the person's tree."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from retrain_cli.work_copy.changes import uncommitted
from retrain_cli.work_copy.files import Mirror, Seen, read_known, write_known
from retrain_cli.work_copy.git import top_of
from retrain_cli.work_copy.original import GITLINK, Original
from retrain_cli.work_copy.repository import make_repository, remove
from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.uncommitted import Uncommitted

HOME = ".retrain"
_DVC = ("config", "config.local", ".gitignore")
_SKIPPED = frozenset({HOME, ".git"})


@dataclass(frozen=True)
class WorkCopy:
    """A copy of the git repository, or without one of the DVC project, around a folder."""

    project: Path
    """The folder's place in it."""
    dvc_root: Path
    """Of the original."""
    top: Path
    uncommitted: Uncommitted
    unreadable: tuple[str, ...]
    """Files that could not be copied."""


def find_root(folder: Path) -> Path | None:
    """The DVC project that ``folder`` is in."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".dvc").is_dir():
            return candidate
    return None


def copy_project(source: Path, work: Path, known: Path | None) -> WorkCopy:
    """Copy the project in ``source`` below ``work``, or bring the copy there up to date.

    It holds what git tracks or does not ignore, and what stages have left there, as in a tree
    that `dvc repro` runs in.

    ``known`` is the file that tells of the last time, None for a fresh copy. It lies at
    its own path once more, so that relative ways out of it can be given their meaning by links
    beside it.

    Raises:
        RunFailed: InvalidSpec where git cannot read the repository, or the disk does not take it.
    """
    dvc_root = find_root(source) or source
    top = top_of(dvc_root) or dvc_root
    copy = work / top.relative_to(top.anchor)
    seen = read_known(known, copy) if known else {}
    try:
        tree = _bring(top, copy, dvc_root, seen, work)
        if known:
            write_known(known, tree.mirror)
        place = source.relative_to(top)
        found = uncommitted(tree.repositories, copy, place, tree.mirror)
    except subprocess.CalledProcessError as error:
        message = " ".join(str(error.stderr).split())[:300]
        raise RunFailed(Reason.INVALID_SPEC, f"git cannot read {top}: {message}") from error
    except OSError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{top} cannot be copied: {error}") from error
    return WorkCopy(
        project=copy / place,
        dvc_root=dvc_root,
        top=copy,
        uncommitted=found,
        unreadable=tuple(tree.mirror.unreadable),
    )


def _bring(
    top: Path, copy: Path, dvc_root: Path, seen: dict[str, tuple[Seen, Seen]], work: Path
) -> "_Tree":
    if seen:
        try:
            return _update(top, copy, dvc_root, seen)
        except (OSError, subprocess.CalledProcessError):
            # A stage may have left anything: folders without permissions, a broken repository.
            pass
    _clear(work)
    return _update(top, copy, dvc_root, {})


def _update(top: Path, copy: Path, dvc_root: Path, seen: dict[str, tuple[Seen, Seen]]) -> "_Tree":
    copy.mkdir(parents=True, exist_ok=True)
    tree = _Tree(Mirror(top, copy, known=dict(seen)), dvc_root)
    tree.bring_all()
    tree.mirror.drop(sorted((seen.keys() | tree.extra) - tree.mirror.copied.keys()))
    return tree


def _clear(folder: Path) -> None:
    for inside, folders, _ in os.walk(folder):
        for name in folders:
            if not os.path.islink(f"{inside}/{name}"):
                os.chmod(f"{inside}/{name}", 0o700)
    shutil.rmtree(folder, ignore_errors=True)


class _Tree:
    """All that belongs into the copy: files, and the repositories that they are in."""

    def __init__(self, mirror: Mirror, dvc_root: Path) -> None:
        self.mirror = mirror
        self.dvc_root = dvc_root
        self.repositories: list[str] = []
        """Folders that are git repositories of their own, the outer one first."""
        self.extra: set[str] = set()
        """What may be in the copy, but not in the original."""

    def bring_all(self) -> None:
        folder = self.dvc_root.relative_to(self.mirror.source).as_posix()
        if top_of(self.mirror.source) is not None:
            self._bring_repository("")
            if Original(self.mirror.source).ignores(folder):
                self._bring_folder(folder)
        else:
            remove(self.mirror.target / ".git")
            self._bring_folder("")
        for name in _DVC:
            self.mirror.bring(os.path.normpath(f"{folder}/.dvc/{name}"))

    def _bring_repository(self, folder: str) -> None:
        """The repository in ``folder``, which is relative, and those inside of it."""
        prefix = _prefix(folder)
        original = Original(self.mirror.source / folder)
        self.mirror.folder(folder)
        self.repositories.append(folder)
        tracked = {entry.name: entry.mode for entry in original.entries}
        untracked = original.untracked(os.path.relpath(self.dvc_root, self.mirror.source))
        for name in (*tracked, *untracked):
            path = f"{prefix}{name.rstrip('/')}"
            if not _SKIPPED.isdisjoint(path.split("/")):
                continue
            if name.endswith("/") or tracked.get(name) == GITLINK:
                self._bring_inside(path)
            else:
                self.mirror.bring(path)
        mine = {
            name: self.mirror.copied[f"{prefix}{name}"]
            for name in tracked
            if f"{prefix}{name}" in self.mirror.copied
            and f"{prefix}{name}" not in self.mirror.redirected
        }
        copy = self.mirror.target / folder
        make_repository(original, copy, mine)
        self.extra |= {f"{prefix}{name}".rstrip("/") for name in tracked}
        # DVC adds to it with each stage, whether git ignores it or not.
        self.extra |= {
            f"{prefix}{os.path.dirname(name)}/dvc.lock".lstrip("/")
            for name in (*tracked, *untracked)
            if os.path.basename(name) == "dvc.yaml"
        }

    def _bring_inside(self, path: str) -> None:
        """A submodule or another repository inside; without git's files it is only a folder."""
        place = self.mirror.source / path
        if not place.is_dir() or place.is_symlink():
            return
        if (place / ".git").exists() and top_of(place) == place:
            self._bring_repository(path)
        else:
            self.mirror.folder(path)
            remove(self.mirror.target / path / ".git")
            self._bring_folder(path)

    def _bring_folder(self, folder: str) -> None:
        """All files below ``folder``, where no git tells them from what is made of them."""
        for name in _walk(self.mirror.source / folder):
            self.mirror.bring(f"{_prefix(folder)}{name}")
        for name in _walk(self.mirror.target / folder):
            self.extra.add(f"{_prefix(folder)}{name}")


def _walk(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        prefix = "" if inside == "." else f"{inside}/"
        links = [name for name in folders if os.path.islink(f"{folder}/{name}")]
        skipped = {*_SKIPPED, *links}
        if os.path.basename(folder) == ".dvc":
            skipped |= {"cache", "tmp"}
        folders[:] = [
            name
            for name in folders
            if name not in skipped and not os.path.exists(f"{folder}/{name}/pyvenv.cfg")
        ]
        found += [f"{prefix}{name}" for name in (*files, *links)]
    return found


def _prefix(folder: str) -> str:
    return f"{folder}/" if folder else ""
