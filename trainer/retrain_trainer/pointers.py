"""Pointer files of Git LFS: what lies in a clone in place of a large file."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_LARGEST = 1024
"""Bytes. Git LFS takes no larger file for a pointer."""
_BEGIN = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")


def is_pointer(path: Path) -> bool:
    """Whether ``path`` is a pointer file."""
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return False
        return path.read_bytes().startswith(_BEGIN)
    except OSError:
        return False


def pointers_below(path: Path) -> Iterable[Path]:
    """The pointer files that ``path`` is, or has below it."""
    if not path.is_dir():
        return [path] if is_pointer(path) else []
    found = []
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if name != ".git"]
        found += [place for name in sorted(files) if is_pointer(place := Path(folder) / name)]
    return found


def some_of(names: Iterable[str]) -> str:
    """The first of ``names``, and how many more there are."""
    every = [printable(name) for name in sorted(names)]
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more


def printable(name: str) -> str:
    """``name`` as text that can be written: names of files need not be UTF-8."""
    return name.encode(errors="replace").decode()
