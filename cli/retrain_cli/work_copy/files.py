"""Keeps the files of a folder as those of another, by what is known of both from the last time."""

import json
import os
import shutil
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from retrain_cli.work_copy.repository import remove

Seen = list[int]
"""Size, times in ns, mode and inode of a file: no write leaves all of them as they were."""


_TICK_NS = 20_000_000
"""Two writes that are nearer to each other may bear the same time."""


@dataclass
class Mirror:
    """The files of ``source`` in ``target``."""

    source: Path
    target: Path
    known: dict[str, tuple[Seen, Seen]] = field(default_factory=dict)
    """What was seen of each file and of its copy when the copy was made."""
    copied: dict[str, os.stat_result] = field(default_factory=dict)
    """The copies that are there now, by name."""
    redirected: set[str] = field(default_factory=set)
    """Links that lead elsewhere than their text in the original says."""
    unreadable: list[str] = field(default_factory=list)
    _folders: set[str] = field(default_factory=set)

    def bring(self, name: str) -> None:
        """Make the copy of the file or link ``name`` what the original is, if that exists."""
        origin, target = f"{self.source}/{name}", f"{self.target}/{name}"
        try:
            there = os.lstat(origin)
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISLNK(there.st_mode):
            self._link(name, origin, target)
        elif stat.S_ISREG(there.st_mode):
            self._file(name, origin, target, there)

    def folder(self, path: str) -> None:
        """Make ``path`` of the copy a folder of ours: a stage may have put a link in its place."""
        if path in self._folders:
            return
        if path:
            self.folder(os.path.dirname(path))
        place = f"{self.target}/{path}"
        try:
            is_folder = stat.S_ISDIR(os.lstat(place).st_mode)
        except FileNotFoundError:
            is_folder = False
        if not is_folder:
            remove(Path(place))
            os.mkdir(place)
        self._folders.add(path)

    def drop(self, names: Iterable[str]) -> None:
        """Remove what the original does not have, and the folders that this leaves empty."""
        for name in names:
            path = self.target / name
            if name in self._folders or any(map(_is_no_folder, self._parents(path))):
                continue
            remove(path)
            for parent in self._parents(path):
                try:
                    parent.rmdir()
                except OSError:
                    break

    def _parents(self, path: Path) -> list[Path]:
        return [one for one in path.parents if one != self.target and self.target in one.parents]

    def _file(self, name: str, origin: str, target: str, there: os.stat_result) -> None:
        self.folder(os.path.dirname(name))
        try:
            here = os.lstat(target)
        except FileNotFoundError:
            here = None
        known = self.known.get(name)
        if here is None or known is None or known != (_seen(there), _seen(here)):
            # Never through what is there: it may be a link to anywhere.
            if here is not None:
                remove(Path(target))
            try:
                shutil.copyfile(origin, target)
            except OSError as error:
                remove(Path(target))
                if isinstance(error, PermissionError):
                    self.unreadable.append(name)
                elif not isinstance(error, FileNotFoundError):
                    raise
                return
            os.chmod(target, stat.S_IMODE(there.st_mode) & 0o777)
            os.utime(target, ns=(there.st_atime_ns, there.st_mtime_ns))
            here = os.lstat(target)
        fresh = time.time_ns() - there.st_ctime_ns < _TICK_NS
        self.known[name] = ([] if fresh else _seen(there), _seen(here))
        self.copied[name] = here

    def _link(self, name: str, origin: str, target: str) -> None:
        self.folder(os.path.dirname(name))
        text = os.readlink(origin)
        real = os.path.normpath(os.path.join(os.path.dirname(origin), text))
        if os.path.isabs(text) and Path(real).is_relative_to(self.source):
            # What a stage writes there must not be the user's file.
            text = str(self.target / Path(real).relative_to(self.source))
            self.redirected.add(name)
        elif not os.path.isabs(text) and not Path(real).is_relative_to(self.source):
            self._beside(Path(os.path.normpath(os.path.join(os.path.dirname(target), text))), real)
        if not (os.path.islink(target) and os.readlink(target) == text):
            remove(Path(target))
            os.symlink(text, target)
        self.copied[name] = os.lstat(target)

    def _beside(self, place: Path, real: str) -> None:
        """Let a relative way out of the copy lead where it leads from the original."""
        if place.is_relative_to(self.target) or os.path.lexists(place):
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(real)


def read_known(file: Path, target: Path) -> dict[str, tuple[Seen, Seen]]:
    """What was written about the copies in ``target``; nothing where it cannot be used."""
    try:
        content = json.loads(file.read_text())
        if content["target"] != str(target):
            return {}
        return {name: (there, here) for name, (there, here) in content["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_known(file: Path, mirror: Mirror) -> None:
    """Keep what ``mirror`` knows of the copies that are there."""
    files = {name: seen for name, seen in mirror.known.items() if name in mirror.copied}
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"target": str(mirror.target), "files": files}))
    new.replace(file)


def _is_no_folder(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _seen(status: os.stat_result) -> Seen:
    return [
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_mode,
        status.st_ino,
    ]
