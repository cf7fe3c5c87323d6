"""Writes git's index: `gitformat-index(5)`, version 3.

`git update-index` would know nothing of the files' times: the first `git status` of a stage would
read every file again, and put those of Git LFS once more on the disk.
"""

import hashlib
import os
import struct
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from retrain_cli.work_copy.original import GITLINK, Entry

_ASSUME_UNCHANGED, _EXTENDED = 0x8000, 0x4000
_SKIP_WORKTREE, _INTENDED = 0x4000, 0x2000
_NAME_LENGTH = 0xFFF
_32_BITS = 0xFFFFFFFF


def write_index(
    file: Path,
    entries: Sequence[Entry],
    *,
    object_format: str,
    unchanged: Mapping[str, os.stat_result],
    intended: Collection[str],
) -> None:
    """Write ``entries`` to ``file``.

    ``unchanged`` has what lstat says of the files that are as their entry has them; git reads
    the others before it believes them. ``intended`` names entries without content.
    """
    packed = [
        _packed(entry, unchanged.get(entry.name), entry.name in intended) for entry in entries
    ]
    content = struct.pack(">4sII", b"DIRC", 3, len(entries)) + b"".join(packed)
    digest = hashlib.new(object_format, content, usedforsecurity=False).digest()
    file.write_bytes(content + digest)


def _packed(entry: Entry, stat: os.stat_result | None, intended: bool) -> bytes:
    name = os.fsencode(entry.name)
    more = _SKIP_WORKTREE * entry.skip_worktree | _INTENDED * intended
    flags = (
        _ASSUME_UNCHANGED * entry.assume_unchanged
        | _EXTENDED * bool(more)
        | entry.stage << 12
        | min(len(name), _NAME_LENGTH)
    )
    known = stat if entry.stage == 0 and entry.mode != GITLINK else None
    packed = struct.pack(">10I", *_stat_fields(entry.mode, known))
    packed += bytes.fromhex(entry.oid) + struct.pack(">H", flags)
    if more:
        packed += struct.pack(">H", more)
    packed += name
    return packed + b"\0" * (8 - len(packed) % 8)


def _stat_fields(mode: int, stat: os.stat_result | None) -> tuple[int, ...]:
    if stat is None:
        return (0, 0, 0, 0, 0, 0, mode, 0, 0, 0)
    times = (*divmod(stat.st_ctime_ns, 10**9), *divmod(stat.st_mtime_ns, 10**9))
    fields = (*times, stat.st_dev, stat.st_ino, mode, stat.st_uid, stat.st_gid, stat.st_size)
    return tuple(field & _32_BITS for field in fields)
