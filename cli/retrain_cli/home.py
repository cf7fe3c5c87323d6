"""The folder `.retrain/` of a project: the only place that a local run writes to."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from retrain_core.outcome import Reason, RunFailed

NAME = ".retrain"


@dataclass(frozen=True)
class Home:
    """`.retrain/` of the project in ``source``."""

    source: Path
    shown: str
    """The source as the person would type it."""

    @classmethod
    def of(cls, source: Path) -> "Home":
        """The home of the project in ``source``, before the working directory changes."""
        folder = source.resolve()
        relative = os.path.relpath(folder)
        return cls(folder, str(folder) if relative.startswith("..") else relative)

    @property
    def folder(self) -> Path:
        return self.source / NAME

    @property
    def remote(self) -> Path:
        """The local DVC remote."""
        return self.folder / "remote"

    @property
    def tracking_uri(self) -> str:
        """The local MLflow store."""
        path = str(self.folder / "mlflow" / "mlflow.db")
        # With the driver named, MLflow does not also make a folder of the quoted path.
        return f"sqlite+pysqlite:///{quote(path)}" if self.has_odd_path else f"sqlite:///{path}"

    @property
    def has_odd_path(self) -> bool:
        """Whether the path means something else in a URL. Old versions of SQLAlchemy, which stages
        may have, do not know how that is written."""
        return bool(set("?%") & set(str(self.folder)))

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def create(self) -> None:
        try:
            for folder in (self.folder, self.logs, self.folder / "mlflow"):
                folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n")
        except OSError as error:
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"{self.folder} cannot be written to: {error.strerror}",
                "Make it writable, or train in a copy of the project that is.",
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time: they share the copy of the project.

        Raises:
            RunFailed: another run is going on.
        """
        self.create()
        with open(self.folder / "lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunFailed(
                    Reason.INVALID_SPEC,
                    f"another `retrain run` is going on in {self.source}",
                    "Wait for it to end.",
                ) from None
            yield

    def copy_project(self) -> tuple[Path, Path, Path]:
        """A fresh copy of the project: (project, its DVC root, the original's DVC root).

        It holds what git tracks or does not ignore. It lies at its own path once more, so that
        relative paths out of it can be given their meaning by links beside it.
        """
        original = find_root(self.source) or self.source
        top = self.folder / "work"
        shutil.rmtree(top, ignore_errors=True)
        copy = top / original.relative_to(original.anchor)
        copy.mkdir(parents=True)
        for name in _files(original):
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not _lead_into_copy(original / name, target, original, copy):
                shutil.copy2(original / name, target, follow_symlinks=False)
        # Without a repository of its own DVC finds the outer one, which ignores this folder.
        _git(["init", "--quiet"], copy)
        return copy / self.source.relative_to(original), copy, original


def find_root(folder: Path) -> Path | None:
    """The DVC project that ``folder`` is in."""
    for candidate in (folder, *folder.parents):
        if (candidate / ".dvc").is_dir():
            return candidate
    return None


def _lead_into_copy(link: Path, target: Path, original: Path, copy: Path) -> bool:
    """Make ``target`` a link as ``link`` is one, if a copy of it would lead elsewhere.

    One into the original leads into the copy: what a stage writes there is not the user's file.
    """
    if not link.is_symlink():
        return False
    place = os.readlink(link)
    real = Path(os.path.normpath(link.parent / place))
    inside = real.is_relative_to(original)
    if inside and not os.path.isabs(place):
        return False
    target.symlink_to(copy / real.relative_to(original) if inside else real)
    return True


def head(folder: Path) -> str | None:
    """The commit of the git repository around ``folder``."""
    done = _git(["rev-parse", "--verify", "--quiet", "HEAD"], folder, check=False)
    return done.stdout.strip() or None if done.returncode == 0 else None


def changed_files(folder: Path) -> list[str]:
    """Files below ``folder`` that differ from the commit or are untracked, relative to it."""
    changed = _git(["diff", "--name-only", "--relative", "-z", "HEAD"], folder, check=False)
    untracked = _git(["ls-files", "-z", "--others", "--exclude-standard"], folder, check=False)
    return [name for name in (changed.stdout + untracked.stdout).split("\0") if name]


def _files(root: Path) -> list[str]:
    done = _git(["ls-files", "-z", "--cached", "--others", "--exclude-standard"], root, check=False)
    if done.returncode == 0:
        names = [name for name in done.stdout.split("\0") if name]
    else:
        names = [
            os.path.relpath(Path(folder) / file, root)
            for folder, folders, files in os.walk(root)
            for file in files
            if not _prune(folders)
        ]
    names.append(".dvc/config.local")
    skipped = (f"{NAME}/", ".git/", ".dvc/cache/", ".dvc/tmp/")
    wanted = (
        name
        for name in dict.fromkeys(names)
        if not name.startswith(skipped) and f"/{NAME}/" not in name
    )
    return [name for name in wanted if (root / name).is_symlink() or (root / name).is_file()]


def _prune(folders: list[str]) -> bool:
    folders[:] = [name for name in folders if name not in (NAME, ".git", ".venv")]
    return False


def _git(
    arguments: list[str], folder: Path, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-c", "safe.directory=*", *arguments]
    # File names need not be UTF-8.
    return subprocess.run(
        command,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=check,
    )
