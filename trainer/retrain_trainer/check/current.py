"""Today's data, from wherever `drift.current` says."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import requests

from retrain_core.outcome import Reason, RunFailed
from retrain_core.verdict.finding import Finding
from retrain_trainer.check import http
from retrain_trainer.check.context import CheckContext, NotSeen
from retrain_trainer.check.repository import Repository
from retrain_trainer.pointers import is_pointer
from retrain_trainer.profile import NotATableError, table_at

DOWNLOAD_SECONDS = 120.0
MAX_BYTES = 1 << 30
"""Of today's data over http: a check is a small pod."""


@dataclass(frozen=True)
class Current:
    """Today's table."""

    table: pd.DataFrame
    digest: str
    """MD5 of the file."""


def read_current(current: str, context: CheckContext, repository: Repository) -> Current:
    """The table at ``current``.

    Raises:
        NotSeen: DataNotFound, NotATable.
        RunFailed: the store or the repository does not answer as it should.
    """
    shown = http.shown(current)
    try:
        file = _file(current, context, repository)
    except FileNotFoundError:
        raise NotSeen(Finding.DATA_NOT_FOUND, f"there is no {shown}") from None
    if file.is_dir():
        raise NotSeen(Finding.NOT_A_TABLE, f"{shown} is a folder")
    if is_pointer(file):
        raise NotSeen(
            Finding.NOT_A_TABLE, f"{shown} is kept by Git LFS, and a check reads only git's pointer"
        )
    with open(file, "rb") as content:
        digest = hashlib.file_digest(
            content, lambda: hashlib.md5(usedforsecurity=False)
        ).hexdigest()
    try:
        return Current(table_at(file), digest)
    except NotATableError as error:
        raise NotSeen(Finding.NOT_A_TABLE, f"{shown}: {error}") from error


def _file(current: str, context: CheckContext, repository: Repository) -> Path:
    """The file, brought here if need be. Raises FileNotFoundError."""
    if "://" not in current:
        return _existing(Path(current)) if os.path.isabs(current) else _own(current, repository)
    parts = urlsplit(current)
    if parts.scheme == "file":
        return _existing(Path(parts.path))
    # Its ending tells how it is packed.
    target = context.scratch / f"current-{os.path.basename(parts.path)}"
    context.report.note(f"reads {http.shown(current)}")
    if parts.scheme in ("http", "https"):
        _get(current, target)
    else:
        from retrain_trainer.pipeline.download import download

        download(current, target, context.run.dvc.remote)
    return target


def _existing(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(path)
    return path


def _own(path: str, repository: Repository) -> Path:
    """A file of the repository, else an output of its pipeline."""
    if (place := repository.place(path)) is not None:
        return place
    project = repository.project
    out = project.producers().get(os.path.abspath(project.path / path))
    if out is None:
        raise FileNotFoundError(path)
    from retrain_trainer.pipeline import transfer

    transfer.place(project, [out])
    return _existing(Path(out.fs_path))


def _get(url: str, target: Path) -> None:
    shown = http.shown(url)
    try:
        with http.get(url, {}, seconds=DOWNLOAD_SECONDS, most=MAX_BYTES) as (status, body):
            _heed(status, shown)
            with open(target, "wb") as file:
                file.writelines(body)
    except http.TooMuch as error:
        raise RunFailed(Reason.STORE_UNREACHABLE, str(error)) from error
    except requests.RequestException as error:
        message = f"{shown} cannot be reached: {http.cause(error)}"
        raise RunFailed(Reason.STORE_UNREACHABLE, message) from error


def _heed(status: int, shown: str) -> None:
    if status in (404, 410):
        raise FileNotFoundError(shown)
    if status in (401, 403):
        raise RunFailed(Reason.STORE_DENIED, f"{shown} answers {status}")
    if status != 200:
        raise RunFailed(Reason.STORE_UNREACHABLE, f"{shown} answers {status}")
