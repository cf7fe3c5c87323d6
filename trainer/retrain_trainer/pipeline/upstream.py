"""What is upstream of a .dvc import now, without downloading it."""

import hashlib
import os
from typing import Any

import requests
from dvc.exceptions import DvcException
from dvc.stage import Stage

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.pipeline.errors import store_failure
from retrain_trainer.pipeline.file_system import CONNECT_SECONDS, file_system
from retrain_trainer.pipeline.project import Project
from retrain_trainer.refusal import causes

_MARKS = ("md5", "ETag", "etag", "Content-MD5", "VersionId", "mtime", "LastModified")
"""What file systems call a hash or a version of a file; the first that there is counts."""


def find_import(project: Project, path: str) -> Stage | None:
    """The import in the .dvc file ``path``, if it is one.

    Raises:
        RunFailed: the project cannot be read.
    """
    wanted = os.path.realpath(project.path / path)
    for stage in project.stages():
        if os.path.realpath(stage.path) == wanted and stage.is_import and not stage.is_db_import:
            return stage
    return None


def upstream_id(project: Project, stage: Stage) -> str:
    """A hash or ETag of what the import ``stage`` would bring if it were updated now.

    Of a file of another repository or of this machine it is the hash of its bytes, of a folder
    elsewhere a digest of all its files' marks.

    Raises:
        RunFailed: it is not there, or its store does not answer as it should.
    """
    dep = stage.deps[0]
    shown = without_userinfo(str(dep))
    try:
        if stage.is_repo_import:
            return _in_repository(dep)
        if dep.fs.protocol == "local":
            return str(dep.get_hash().value)
        return _in_store(project, dep.def_path)
    except RunFailed:
        raise
    except Exception as error:
        raise _failure(stage, shown, error) from error


def _failure(stage: Stage, shown: str, error: Exception) -> RunFailed:
    known = store_failure(error, shown)
    if known is not None:
        return known
    message = " ".join(str(error).split())[:200] or type(error).__name__
    lost = any(isinstance(cause, (FileNotFoundError, DvcException)) for cause in causes(error))
    reason = Reason.DATA_MISSING if lost else Reason.STORE_UNREACHABLE
    return RunFailed(reason, f"{stage.addressing}: its upstream {shown} cannot be read: {message}")


def _in_repository(dep: Any) -> str:
    """What DVC tracks has a hash there; the rest is git's, and small."""
    fs = dep._make_fs(locked=False)
    info = fs.info(dep.def_path)
    if (found := _tracked(info)) is not None:
        return found
    if info["type"] != "directory":
        return hashlib.md5(fs.read_bytes(dep.def_path), usedforsecurity=False).hexdigest()
    marks = []
    for file in sorted(fs.find(dep.def_path)):
        own = _tracked(fs.info(file))
        content = own or hashlib.md5(fs.read_bytes(file), usedforsecurity=False).hexdigest()
        marks.append(f"{file} {content}")
    return _digest(marks)


def _tracked(info: dict[str, Any]) -> str | None:
    entry = info.get("dvc_info", {}).get("entry")
    found = getattr(entry, "hash_info", None)
    return str(found.value) if found else None


def _in_store(project: Project, url: str) -> str:
    fs, path = file_system(project.repo.config, url=url)
    info = fs.info(path)
    if info["type"] != "directory":
        return _mark(info) or _last_modified(url)
    files = fs.fs.find(path, detail=True)
    return _digest(f"{name} {_mark(one)} {one.get('size')}" for name, one in sorted(files.items()))


def _mark(info: dict[str, Any]) -> str | None:
    return next((str(info[key]).strip('"') for key in _MARKS if info.get(key)), None)


def _last_modified(url: str) -> str:
    """Of a web server without ETags: fsspec keeps it to itself."""
    if url.startswith("http"):
        answer = requests.head(url, timeout=CONNECT_SECONDS, allow_redirects=True)
        if found := answer.headers.get("Last-Modified"):
            return _digest([found, answer.headers.get("Content-Length", "")])
    raise RunFailed(
        Reason.DATA_MISSING,
        f"{without_userinfo(url)} says neither ETag nor Content-MD5 nor Last-Modified: whether it"
        " has changed cannot be seen",
    )


def _digest(parts: Any) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
