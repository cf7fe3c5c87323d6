"""Asks a remote whether it is there and lets us in, before hours of training depend on it.

DVC shows a wrong bucket or key as missing data, and can retry a dead host for minutes.
"""

import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

from dvc.config import ConfigError
from dvc.fs import FileSystem, RemoteMissingDepsError

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.patience import Answer, Away
from retrain_trainer.pipeline.errors import store_failure, unknown_failure
from retrain_trainer.pipeline.file_system import file_system, is_versioned, package_of
from retrain_trainer.pipeline.project import Output, Project
from retrain_trainer.pipeline.routes import write_to


def check_remote(project: Project, name: str, *, write: bool) -> None:
    """List the remote, and write and delete a small object if ``write``.

    Raises:
        RunFailed: StoreNotFound, StoreDenied or StoreUnreachable; InvalidSpec for one that this
            machine cannot use, or that cannot be written to.
    """
    url = _url(project, name)
    if write:
        _refuse_unwritable(project, name, url)
    try:
        with _impatient():
            filesystem, path = _connect(project, name, url)
            _look(filesystem, path, write=write)
            if write:
                _write(filesystem, path)
        project.patience.answered.add(url)
    except Exception as error:
        failure = store_failure(error, url)
        if failure is None:
            text = f"{url} cannot be used: {' '.join(str(error).split())[:300] or repr(error)}"
            failure = unknown_failure(error, text)
        raise failure from error


def check_writers(project: Project, outs: Iterable[Output]) -> None:
    """See that each remote that ``outs`` go to takes them.

    Raises:
        RunFailed: as :func:`check_remote`.
    """
    named = {name for out in outs if (name := write_to(project, out)) is not None}
    writer = {project.writer} if project.writer is not None else set()
    for name in sorted(writer | named):
        project.patience.through(partial(check_remote, project, name, write=True))


def trouble_reading(project: Project, name: str) -> RunFailed | None:
    """Why the remote cannot be read from, if it cannot; one that the run can do without is not
    asked again.

    Raises:
        Away: the run cannot do without it.
    """
    if name in project.silent or name in project.heard:
        return project.silent.get(name)
    check = partial(check_remote, project, name, write=False)
    try:
        if name == project.writer:
            project.patience.through(check)
        else:
            check()
    except RunFailed as failure:
        if name != project.writer:
            project.silent[name] = failure
        elif isinstance(failure, Away):
            raise
        return failure
    project.heard.add(name)
    return None


def asked(project: Project, name: str, ask: Callable[[], Answer]) -> Answer | None:
    """What ``ask`` finds out at the remote ``name``; None where that cannot be found out.

    A remote that has answered is waited for when it is away: without it work that is done could
    seem to be lost.

    Raises:
        Away: the run cannot do without it.
    """

    def once() -> Answer | None:
        try:
            with one_try(project):
                return ask()
        except Exception as error:
            failure = store_failure(error, project.url(name))
            if isinstance(failure, Away):
                raise failure from error
            return None

    try:
        return project.patience.through(once)
    except Away as away:
        if name == project.writer:
            raise
        project.silent[name] = away
        return None


@contextmanager
def one_try(project: Project) -> Iterator[None]:
    """Let clients try once where the run has patience: theirs would only delay what it tells."""
    with _impatient() if project.patience.seconds > 0 else nullcontext():
        yield


@contextmanager
def transfers(project: Project) -> Iterator[list[BaseException]]:
    """What goes wrong with single objects in the body: DVC writes it to its log alone."""
    errors: list[BaseException] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1]:
            errors.append(record.exc_info[1])
        return True

    log = logging.getLogger("dvc_data.hashfile.transfer")
    log.addFilter(keep)
    try:
        with one_try(project):
            yield errors
    finally:
        log.removeFilter(keep)


def trouble_in(errors: Iterable[BaseException], url: str) -> RunFailed | None:
    """The failure that single objects' errors amount to; one that lasts counts before others."""
    found = [failure for error in errors if (failure := store_failure(error, url)) is not None]
    return min(found, key=lambda failure: isinstance(failure, Away), default=None)


def _url(project: Project, name: str) -> str:
    remote = project.repo.config["remote"].get(name)
    if remote is None:
        known = ", ".join(sorted(project.repo.config["remote"])) or "none"
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"an output names the remote {name}, which is not in .dvc/config; known: {known}",
        )
    return without_userinfo(str(remote["url"]))


def _refuse_unwritable(project: Project, name: str, url: str) -> None:
    what = None
    if is_versioned(project.repo.config, name):
        what = "is version-aware (version_aware or worktree in .dvc/config): runs read from it"
    elif url.startswith(("http:", "https:")):
        what = "is a web server: runs read from it"
    if what is not None:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"the DVC remote {name} ({url}) {what}, but cannot write outputs to it. Name another"
            " store in spec.dvc.remote.url, or set spec.dvc.push: false",
        )


def _connect(project: Project, name: str, url: str) -> tuple[FileSystem, str]:
    try:
        return file_system(project.repo.config, name=name)
    except ConfigError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"DVC remote {name}: {error}") from error
    except (ImportError, RemoteMissingDepsError) as error:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"the DVC remote {name} ({url}) needs the Python package {package_of(error)}, which is"
            " not installed beside Retrain",
        ) from error


def _look(filesystem: FileSystem, path: str, *, write: bool) -> None:
    if filesystem.protocol == "local":
        if write:
            os.makedirs(path, exist_ok=True)
        return
    if filesystem.protocol in ("http", "https"):
        # Its folders cannot be listed.
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
