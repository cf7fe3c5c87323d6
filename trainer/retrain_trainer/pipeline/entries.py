"""Small texts beside the contents in a store, such as the results of stages, listed by folder."""

import uuid
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from dvc.config import ConfigError
from dvc.fs import FileSystem

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.errors import store_failure, unknown_failure
from retrain_trainer.pipeline.file_system import file_system
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.remote import one_try

Answer = TypeVar("Answer")
_UNLISTED = ("http", "https")
"""What their folders hold cannot be asked."""
_WHOLE = ("s3", "gs", "gcs", "azure", "abfs", "oss")
"""Nobody sees half an object there; elsewhere a file is written under another name first."""


def store_text(project: Project, path: str, text: str) -> None:
    """Write ``text`` to ``path`` in the store, if there is one to write to.

    Raises:
        RunFailed: the store does not take it.
    """
    if project.writer is None:
        return

    def write(filesystem: FileSystem, root: str) -> None:
        _write(filesystem, filesystem.join(root, path), text.encode())

    project.patience.through(partial(_with, project, project.writer, write))


def list_names(project: Project, folder: str) -> list[str]:
    """The entries anywhere below ``folder``, at any of the remotes to read from, sorted.

    Each is a path relative to ``folder``: `<name>`, or `<folder>/<name>`. A remote that has no such
    folder, or cannot be listed, has none.

    Raises:
        RunFailed: the store that is written to does not answer as it should.
    """
    found: set[str] = set()
    for name in project.readers:
        found |= _asked(project, name, lambda fs, root: _names(fs, fs.join(root, folder))) or set()
    return sorted(found)


def read_text(project: Project, path: str) -> str | None:
    """The entry at ``path`` from the first remote that has it; None where there is none.

    Raises:
        RunFailed: the store that is written to does not answer as it should.
    """
    for name in project.readers:
        content = _asked(project, name, lambda fs, root: fs.cat_file(fs.join(root, path)))
        if content is not None:
            return str(content, "utf-8")
    return None


def _names(filesystem: FileSystem, folder: str) -> set[str]:
    if filesystem.protocol in _UNLISTED:
        return set()
    filesystem.fs.invalidate_cache()
    names = {"/".join(filesystem.relparts(file, folder)) for file in filesystem.find(folder)}
    return {name for name in names if not name.rsplit("/", 1)[-1].startswith(".")}


def _write(filesystem: FileSystem, target: str, content: bytes) -> None:
    if filesystem.protocol in _WHOLE:
        filesystem.pipe_file(target, content)
        return
    folder = filesystem.parent(target)
    filesystem.makedirs(folder, exist_ok=True)
    part = filesystem.join(folder, f".{uuid.uuid4().hex}")
    filesystem.pipe_file(part, content)
    filesystem.mv(part, target)


def _asked(project: Project, name: str, ask: Callable[[FileSystem, str], Answer]) -> Answer | None:
    """What a remote answers; one that the run can do without is asked no more once it fails."""
    if name in project.silent:
        return None
    try:
        if name == project.writer or name in project.heard:
            return project.patience.through(partial(_with, project, name, ask))
        return _with(project, name, ask)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except RunFailed as failure:
        if name == project.writer:
            raise
        project.silent[name] = failure
        return None


def _with(project: Project, name: str, use: Callable[[FileSystem, str], Answer]) -> Answer:
    url = project.url(name)
    try:
        with one_try(project):
            return use(*file_system(project.repo.config, name=name))
    except (ConfigError, ImportError) as error:
        raise RunFailed(Reason.INVALID_SPEC, f"DVC remote {name}: {error}") from error
    except Exception as error:
        failure = store_failure(error, url)
        if failure is None and isinstance(error, (FileNotFoundError, NotADirectoryError)):
            raise
        message = " ".join(str(error).split())[:300] or repr(error)
        text = f"{url} cannot be used: {message}"
        raise failure or unknown_failure(error, text) from error
