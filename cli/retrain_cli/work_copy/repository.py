"""Makes a folder the git repository that another one is; objects stay where they are."""

import os
import re
import shutil
from collections.abc import Container, Mapping
from dataclasses import replace
from pathlib import Path

from retrain_cli.work_copy.git import run_git
from retrain_cli.work_copy.index import write_index
from retrain_cli.work_copy.original import Entry, Original
from retrain_core.redact import without_userinfo

STATUS_INDEX = "retrain-index"
"""Beside the index: without the flags that hide changes."""
_KEPT = re.compile(
    r"(branch|diff|filter|lfs|remote|submodule|tag|url|user|versionsort)\..*"
    r"|core\.(abbrev|attributesfile|autocrlf|eol|excludesfile|filemode|ignorecase"
    r"|precomposeunicode|protecthfs|quotepath|safecrlf|symlinks|trustctime)"
    r"|core\.sparsecheckout(cone)?|extensions\.partialclone|status\..*",
    re.IGNORECASE,
)
_OURS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.splitIndex", "false"),
    ("gc.auto", "0"),
)


def make_repository(original: Original, copy: Path, files: Mapping[str, os.stat_result]) -> None:
    """Make ``copy`` a git repository at the commit, with the index, of ``original``.

    ``files`` are the tracked files that lie in the copy as in the original, by name.
    """
    folder = copy / ".git"
    remove(folder)
    template = ["--quiet", "--template=", f"--object-format={original.object_format}"]
    run_git(["init", *template], copy, settings=("init.defaultBranch=main",))
    for name in ("info", "logs", "objects/info"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "objects/info/alternates").write_bytes(os.fsencode(original.places["objects"]))
    for place, source in original.places.items():
        if place != "objects" and source.is_file():
            shutil.copyfile(source, folder / place)
    _write_refs(original, folder)
    with open(folder / "config", "a", encoding="utf-8", errors="surrogateescape") as config:
        config.writelines(_section(key, value) for key, value in _settings(original))
    _write_indexes(original, copy, files)
    (folder / "HEAD").write_text(original.head())


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_refs(original: Original, folder: Path) -> None:
    """Without asking whether the objects are there: in a partial clone that would fetch them."""
    packed = []
    for name, oid, symbolic in original.refs():
        if symbolic:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"ref: {symbolic}\n")
        else:
            packed.append(f"{oid} {name}\n")
    (folder / "packed-refs").write_bytes(os.fsencode("".join(packed)))


def _write_indexes(original: Original, copy: Path, files: Mapping[str, os.stat_result]) -> None:
    touched = original.touched()
    intended = original.intended()
    flagged = {
        entry.name for entry in original.entries if entry.assume_unchanged or entry.skip_worktree
    }
    unchanged = {name: stat for name, stat in files.items() if name not in touched | flagged}

    def write(name: str, entries: list[Entry]) -> None:
        write_index(
            copy / ".git" / name,
            entries,
            object_format=original.object_format,
            unchanged=unchanged,
            intended=intended,
        )

    write("index", original.entries)
    if flagged:
        write(STATUS_INDEX, [_unflagged(entry, files) for entry in original.entries])


def _unflagged(entry: Entry, files: Container[str]) -> Entry:
    # What a sparse checkout has left out is absent by intent.
    left_out = entry.skip_worktree and entry.name not in files
    return replace(entry, assume_unchanged=False, skip_worktree=left_out)


def _settings(original: Original) -> list[tuple[str, str]]:
    """No helper for credentials, no hook, no daemon; no password in an address."""
    kept = [
        (key, value)
        for key, value in original.settings()
        if _KEPT.fullmatch(key) and without_userinfo(key) == key
    ]
    return [
        *((key, without_userinfo(value) if "://" in value else value) for key, value in kept),
        *_OURS,
    ]


def _section(key: str, value: str) -> str:
    section, _, name = key.partition(".")
    middle, _, name = name.rpartition(".")
    quoted = middle.replace("\\", "\\\\").replace('"', '\\"')
    title = f'{section} "{quoted}"' if middle else section
    text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'[{title}]\n\t{name} = "{text}"\n'
