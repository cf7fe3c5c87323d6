"""Asks a remote whether it is there and lets us in, before hours of training depend on it.

DVC shows a wrong bucket or key as missing data, and can retry a dead host for minutes.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from dvc.config import ConfigError
from dvc.fs import FileSystem

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.errors import store_failure
from retrain_trainer.pipeline.file_system import file_system
from retrain_trainer.pipeline.project import Project


def check_remote(project: Project, name: str, *, write: bool) -> None:
    """List the remote, and write and delete a small object if ``write``.

    Raises:
        RunFailed: StoreNotFound, StoreDenied or StoreUnreachable.
    """
    url = str(project.repo.config["remote"][name]["url"])
    try:
        with _impatient():
            filesystem, path = _connect(project, name)
            _look(filesystem, path)
            if write:
                _write(filesystem, path)
    except Exception as error:
        failure = store_failure(error, url)
        if failure is None:
            text = f"{url} cannot be used: {' '.join(str(error).split())[:300] or repr(error)}"
            failure = RunFailed(Reason.STORE_UNREACHABLE, text)
        raise failure from error


def _connect(project: Project, name: str) -> tuple[FileSystem, str]:
    try:
        return file_system(project.repo.config, name=name)
    except ConfigError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"DVC remote {name}: {error}") from error
    except ImportError as error:
        raise RunFailed(
            Reason.INVALID_SPEC, f"the DVC remote needs a package that is not installed: {error}"
        ) from error


def _look(filesystem: FileSystem, path: str) -> None:
    if filesystem.protocol == "local":
        os.makedirs(path, exist_ok=True)
        return
    bucket = path.split("/", 1)[0]
    filesystem.fs.ls(bucket if filesystem.protocol in ("s3", "gs") else path, refresh=True)


def _write(filesystem: FileSystem, path: str) -> None:
    probe = filesystem.join(path, f".retrain-{uuid.uuid4().hex}")
    filesystem.fs.pipe_file(filesystem._strip_protocol(probe), b"retrain")
    filesystem.fs.rm_file(filesystem._strip_protocol(probe))


@contextmanager
def _impatient() -> Iterator[None]:
    """One attempt instead of botocore's five: 0.4 s for a refused port instead of 10 s."""
    kept = os.environ.get("AWS_MAX_ATTEMPTS")
    os.environ["AWS_MAX_ATTEMPTS"] = "1"
    try:
        yield
    finally:
        if kept is None:
            del os.environ["AWS_MAX_ATTEMPTS"]
        else:
            os.environ["AWS_MAX_ATTEMPTS"] = kept
