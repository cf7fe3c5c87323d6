"""Moves the contents of outputs: to the remote, from it, and into the workspace.

By content hash, so that outputs with `cache: false`, which `dvc push` leaves out, travel too.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from dvc.exceptions import DvcException
from dvc.output import Output
from dvc_data.hashfile import check, load
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree
from dvc_objects.errors import ObjectFormatError

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.errors import store_failure
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.remote import check_remote


def push(project: Project, outs: Iterable[Output]) -> None:
    """Upload what ``outs`` hold, if there is a remote to write to.

    Raises:
        RunFailed: the store does not take it.
    """
    if project.writer is None:
        return
    wanted = set()
    for out in outs:
        if not out.hash_info or out.stage.is_repo_import or not out.is_in_repo:
            continue
        if not out.use_cache and not in_cache(out):
            _keep(project, out)
        if in_cache(out):
            wanted |= _contents(out)
    if not wanted:
        return
    url = project.remote_url() or "the store"
    try:
        result = project.repo.cloud.push(wanted, remote=project.writer)
    except Exception as error:
        raise store_failure(error, url) or RunFailed(
            Reason.STORE_UNREACHABLE, f"{url}: {error}"
        ) from error
    if result.failed:
        check_remote(project, project.writer, write=True)
        raise RunFailed(
            Reason.STORE_UNREACHABLE, f"{url} did not take {len(result.failed)} objects"
        )


def available(project: Project, outs: Iterable[Output]) -> bool:
    """Whether each of ``outs`` is on disk as recorded, in the cache, or at a remote."""
    missing = [out for out in outs if not on_disk(out) and not in_cache(out)]
    return not missing or all(_at_a_remote(project, out) for out in missing)


def unsaved(outs: Iterable[Output]) -> list[Output]:
    """Those of ``outs`` that are on disk neither as recorded nor as the cache has them.

    Those that DVC does not cache are left to git.
    """
    return [
        out
        for out in outs
        if out.use_cache
        and out.exists
        and out.changed_checksum()
        and not out.cache.exists(out.get_hash().value)
    ]


def place(project: Project, outs: Iterable[Output]) -> None:
    """Bring ``outs`` onto the disk, as recorded.

    Raises:
        RunFailed: DataMissing, or what is wrong with the store.
    """
    absent = [out for out in outs if not on_disk(out)]
    fetch(project, absent)
    for out in absent:
        with _cached(project, out):
            out.checkout(force=True)


def fetch(project: Project, outs: Iterable[Output]) -> None:
    """Bring ``outs`` into the cache, from the first remote that has them.

    Raises:
        RunFailed: DataMissing, or what is wrong with the store.
    """
    wanted = {out.hash_info: out for out in outs if out.hash_info and not in_cache(out)}
    trouble: RunFailed | None = None
    for name in project.readers:
        if not wanted:
            return
        try:
            check_remote(project, name, write=False)
            project.repo.cloud.pull(set(wanted), remote=name)
            inside = {item for out in wanted.values() for item in _contents(out)}
            project.repo.cloud.pull(inside - set(wanted), remote=name)
        except RunFailed as failure:
            trouble = failure
        except Exception as error:
            trouble = store_failure(error) or trouble
        wanted = {key: out for key, out in wanted.items() if not in_cache(out)}
    if wanted:
        names = ", ".join(sorted(project.relative(out.fs_path) for out in wanted.values()))
        if trouble is not None:
            raise RunFailed(trouble.reason, f"{trouble.message}; needed for {names}")
        where = "no DVC remote is configured" if not project.readers else "not in the store"
        raise RunFailed(Reason.DATA_MISSING, f"missing data: {names} ({where})")


def in_cache(out: Output) -> bool:
    """Whether the cache holds all of ``out``'s contents."""
    if not out.hash_info:
        return False
    try:
        check(out.cache, load(out.cache, out.hash_info))
    except (FileNotFoundError, ObjectFormatError):
        return False
    return True


def _contents(out: Output) -> set[HashInfo]:
    """The objects that ``out`` consists of, so far as the cache knows: DVC moves the list of a
    directory without its files."""
    found = {out.hash_info}
    if out.hash_info.isdir:
        with suppress(FileNotFoundError, ObjectFormatError):
            found |= {item for _, _, item in Tree.load(out.cache, out.hash_info)}
    return found


def on_disk(out: Output) -> bool:
    """Whether ``out`` lies in its place as recorded."""
    return bool(out.exists) and not out.changed_checksum()


def _at_a_remote(project: Project, out: Output) -> bool:
    if not out.hash_info or out.hash_info.value is None:
        return False
    for name in project.readers:
        try:
            odb = project.repo.cloud.get_remote_odb(name, hash_name=out.hash_info.name)
            # DVC uploads the list of a directory after its files: the list vouches for them.
            if odb.exists(out.hash_info.value):
                return True
        except (DvcException, OSError):
            continue
    return False


def _keep(project: Project, out: Output) -> None:
    """Put the contents of an output with `cache: false` into the cache."""
    if not os.path.exists(out.fs_path):
        return
    with _cached(project, out):
        out.commit(relink=False)


@contextmanager
def _cached(project: Project, out: Output) -> Iterator[None]:
    """Treat ``out`` as a cached output; an uncached one is copied, never linked to the cache."""
    if out.use_cache:
        yield
        return
    out.use_cache = True
    try:
        with project.repo.stage_cache._cache_type_copy():
            yield
    finally:
        out.use_cache = False
