"""What each path of a data trigger holds now."""

import hashlib
import re
from pathlib import Path

from retrain_core.evidence import DataEvidence
from retrain_core.spec.retrain_schedule import Data
from retrain_core.verdict.finding import Finding
from retrain_trainer.check.context import CheckContext, NotSeen
from retrain_trainer.check.fit import Fits
from retrain_trainer.check.repository import Repository

LONG, SHORT = 32, 12
"""Characters of an id: of few paths, and of more of them, which must all fit into one report."""
FEW = 4


def look(spec: Data, context: CheckContext, repository: Repository, fits: Fits) -> DataEvidence:
    """The ids of what ``spec.paths`` hold.

    Raises:
        NotSeen: PathNotFound, or too little room.
        RunFailed: the repository or an upstream does not answer as it should.
    """
    length = LONG if len(spec.paths) <= FEW else SHORT
    ids, imports = [], []
    for number, path in enumerate(spec.paths):
        found, imported = _id(path, repository)
        context.report.note(f"{path}: {found}{' (upstream)' if imported else ''}")
        ids.append(_short(found, length))
        if imported:
            imports.append(number)
    seen = DataEvidence(ids=ids, imports=imports)
    if not fits(seen):
        message = (
            f"{len(ids)} paths do not fit into the report: name their folder, or fewer triggers"
        )
        raise NotSeen(Finding.CHECK_FAILED, message)
    return seen


def _id(path: str, repository: Repository) -> tuple[str, bool]:
    """The id, and whether it is that of an upstream."""
    # First the import: what it has brought may lie beside it.
    for name in (path,) if path.endswith(".dvc") else (f"{path}.dvc", path):
        own = _own_id(name, repository)
        if own is None:
            continue
        if name.endswith(".dvc"):
            # Brings DVC, which other paths are spared.
            from retrain_trainer.pipeline.upstream import find_import, upstream_id

            stage = find_import(repository.project, name)
            if stage is not None:
                return upstream_id(repository.project, stage), True
        return own, False
    raise NotSeen(Finding.PATH_NOT_FOUND, f"there is no {path} and no {path}.dvc")


def _own_id(path: str, repository: Repository) -> str | None:
    if repository.in_git:
        return repository.git_id(path)
    place = repository.place(path)
    return None if place is None else _digest(place)


def _digest(place: Path) -> str:
    """Of a file's bytes, or of all files of a folder."""
    if place.is_file():
        with open(place, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    found = hashlib.sha256()
    for file_ in sorted(place.rglob("*")):
        if file_.is_file():
            found.update(f"{file_.relative_to(place)} {_digest(file_)}\n".encode())
    return found.hexdigest()


def _short(found: str, length: int) -> str:
    """Without spaces, which stand between what is known."""
    if not re.fullmatch(r"[0-9a-f]+", found.removesuffix(".dir")):
        found = hashlib.sha256(found.encode()).hexdigest()
    return found.removesuffix(".dir")[:length]
