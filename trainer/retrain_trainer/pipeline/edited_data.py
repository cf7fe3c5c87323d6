"""Data that were edited since `dvc add`: trained on as they lie in the work tree of the person.

They are hashed where they lie, and what our cache lacks is copied into it. Never linked: DVC
makes the files of its cache read-only, and a stage could write to the person's own.
"""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.ignore import DvcIgnoreFilter
from dvc.output import Output
from dvc_data.hashfile.build import build
from dvc_data.hashfile.db import HashFileDB
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.transfer import transfer
from dvc_data.hashfile.tree import Tree
from dvc_objects.errors import ObjectFormatError

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.original import original_settings
from retrain_trainer.pipeline.project import Project


@dataclass(frozen=True)
class EditedData:
    """A file or folder that is not as its .dvc file says."""

    path: str
    """Relative to the project's folder."""
    addressing: str
    """Of the .dvc file."""
    counts: dict[str, int] | None
    """Files added, changed and missing; None for a file, or where the folder's list is lost."""

    def __str__(self) -> str:
        told = [f"{number} {what}" for what, number in (self.counts or {}).items() if number]
        return f"{self.path} was edited since `dvc add`" + (f": {', '.join(told)}" if told else "")


def take_edited_data(
    project: Project, original: Path, sources: Collection[str] | None = None
) -> list[EditedData]:
    """Let .dvc files of ``project`` mean what lies in ``original``, the DVC root it is a copy of.

    Only those with addressings in ``sources`` are looked at, if that is given. Imports are left
    as they are, and so is what is absent or empty: it is restored as recorded.

    Raises:
        RunFailed: DataMissing for a file that cannot be read.
    """
    root = Path(project.repo.root_dir)
    ignore = DvcIgnoreFilter(project.repo.fs, str(original))
    theirs = Path(original_settings(original).cache)
    found = []
    for stage in project.stages():
        if not stage.is_data_source or stage.is_import:
            continue
        if sources is not None and stage.addressing not in sources:
            continue
        edited = [
            data
            for out in stage.outs
            if out.protocol == "local" and out.is_in_repo and out.use_cache
            for data in [_take(project, out, original / _below(out, root), ignore, theirs)]
            if data is not None
        ]
        if edited:
            stage.dump()
            found += edited
    if found:
        project.repo._reset()
    return found


def record_content(project: Project, out: Output) -> None:
    """Let the .dvc file of ``out`` mean what lies in its place in ``project``."""
    odb, staging = _hashed(out, Path(out.fs_path), out.dvcignore)
    transfer(staging, odb, {out.hash_info}, shallow=False, hardlink=False)
    out.stage.dump()
    project.repo._reset()


def _take(
    project: Project, out: Output, place: Path, ignore: DvcIgnoreFilter, theirs: Path
) -> EditedData | None:
    if not place.exists() or _is_empty(place):
        return None
    recorded, recorded_in = out.hash_info, out.cache
    try:
        odb, staging = _hashed(out, place, ignore)
        if out.hash_info != recorded:
            transfer(staging, odb, {out.hash_info}, shallow=False, hardlink=False)
            old = _tree(recorded, [recorded_in, _like(recorded_in, theirs)])
            new = _tree(out.hash_info, [odb])
            counts = _counts(old, new) if old and new else None
            return EditedData(project.relative(out.fs_path), out.stage.addressing, counts)
        if _lacking(out.hash_info, staging, [odb, _like(odb, theirs)]):
            transfer(staging, odb, {out.hash_info}, shallow=False, hardlink=False)
    except (OSError, DvcException) as error:
        raise RunFailed(
            Reason.DATA_MISSING, f"{project.relative(out.fs_path)} cannot be read: {error}"
        ) from error
    return None


def _hashed(out: Output, place: Path, ignore: DvcIgnoreFilter) -> tuple[HashFileDB, HashFileDB]:
    """Give ``out`` the hash of what lies in ``place``; returns our cache, and where it all is."""
    staging, meta, obj = build(out.cache, str(place), out.fs, out.hash_name, ignore=ignore)
    if out.hash_name != "md5" and obj.hash_info != out.hash_info:
        # Of DVC 2: it hashed texts without regard to the ends of lines, and so may not again.
        out.hash_name = "md5"
        staging, meta, obj = build(out.cache, str(place), out.fs, out.hash_name, ignore=ignore)
    if obj.hash_info != out.hash_info:
        out.hash_info, out.meta, out.files, out.obj = obj.hash_info, meta, None, None
    return out.cache, staging


def _lacking(recorded: HashInfo, staging: HashFileDB, stores: Iterable[HashFileDB]) -> bool:
    """Whether a part of ``recorded`` is in none of ``stores``."""
    tree = _tree(recorded, [staging])
    parts = {recorded.value, *(part.value for _, _, part in tree or ())}
    return any(not any(os.path.exists(odb.oid_to_path(p)) for odb in stores) for p in parts)


def _tree(recorded: HashInfo, stores: Iterable[HashFileDB]) -> Tree | None:
    """The list of a folder, from the first store that has it."""
    if recorded and recorded.isdir:
        for odb in stores:
            try:
                return Tree.load(odb, recorded)
            except (FileNotFoundError, ObjectFormatError):
                continue
    return None


def _counts(old: Tree, new: Tree) -> dict[str, int]:
    before = {key: part for key, _, part in old}
    now = {key: part for key, _, part in new}
    return {
        "added": len(now.keys() - before.keys()),
        "changed": sum(before[key] != now[key] for key in before.keys() & now.keys()),
        "missing": len(before.keys() - now.keys()),
    }


def _like(odb: HashFileDB, cache: Path) -> HashFileDB:
    """The part of the person's ``cache`` that ``odb`` is of ours; only read from."""
    # DVC 2 kept its objects at the top.
    path = cache if odb.hash_name == "md5-dos2unix" else cache / "files" / "md5"
    return HashFileDB(odb.fs, str(path), read_only=True)


def _below(out: Output, root: Path) -> Path:
    return Path(out.fs_path).relative_to(root)


def _is_empty(place: Path) -> bool:
    return not any(place.iterdir()) if place.is_dir() else place.stat().st_size == 0
