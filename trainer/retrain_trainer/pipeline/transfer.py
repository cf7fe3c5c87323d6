"""Moves the contents of outputs: to the stores, and into the workspace.

By content hash, so that outputs with `cache: false`, which `dvc push` leaves out, travel too.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from dvc.output import Output
from dvc_data.hashfile.hash_info import HashInfo

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.patience import Away
from retrain_trainer.pipeline.errors import store_failure, unknown_failure
from retrain_trainer.pipeline.fetch import contents, fetch, holds, in_cache
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.remote import check_remote, transfers, trouble_in
from retrain_trainer.pipeline.routes import read_from, write_to

__all__ = ["available", "complete", "fetch", "in_cache", "place", "push", "unsaved"]


def push(project: Project, outs: Iterable[Output]) -> None:
    """Upload what ``outs`` hold, each to the remote it belongs to, if there is one.

    Raises:
        RunFailed: a store does not take it.
    """
    wanted: dict[str, set[HashInfo]] = defaultdict(set)
    for out in outs:
        if not out.hash_info or not out.is_in_repo or out.stage.is_repo_import:
            continue
        if not out.use_cache and not in_cache(out):
            _keep(project, out)
        name = write_to(project, out)
        if name is not None and in_cache(out):
            wanted[name] |= contents(out)
    for name, hashes in wanted.items():
        project.patience.through(partial(_push, project, name, hashes))


def complete(project: Project, outs: Iterable[Output]) -> None:
    """Let the stores hold all of ``outs`` that go to one, wherever these have to come from.

    Raises:
        RunFailed: DataMissing, or what is wrong with a store.
    """
    known = [out for out in outs if out.hash_info]
    targets = {out: write_to(project, out) for out in known}
    lacking = [out for out, name in targets.items() if name and not holds(project, name, out)]
    fetch(project, lacking)
    push(project, lacking)


def available(project: Project, outs: Iterable[Output]) -> bool:
    """Whether each of ``outs`` is on disk as recorded, in the cache, or at a remote."""
    missing = [out for out in outs if not on_disk(out) and not in_cache(out)]
    return all(
        any(holds(project, name, out) for name in read_from(project, out)) for out in missing
    )


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
    """Bring ``outs`` onto the disk, with the content that is recorded, whatever lies there.

    What is in place is left alone. Outputs without a recorded hash, and those outside of the
    repository, are not ours to bring.

    Raises:
        RunFailed: DataMissing, or what is wrong with the store; DataMissing too for a folder whose
            list names a file outside of it.
    """
    ours = [out for out in outs if out.hash_info and out.is_in_repo]
    absent = [out for out in ours if not on_disk(out)]
    fetch(project, absent)
    for out in absent:
        if out.exists and out.isdir() != bool(out.hash_info.isdir):
            # DVC replaces a file by a file and a folder by a folder.
            out.remove()
        if os.path.isdir(out.fs_path) and not os.path.islink(out.fs_path):
            # Empty folders of another state would stay.
            out.remove()
        with _cached(project, out):
            _refuse_leading_out(project, out)
            out.checkout(force=True)


def _refuse_leading_out(project: Project, out: Output) -> None:
    """DVC follows `..` in a folder's list, which is an object of the store like any other."""
    for key, _, _ in (out.get_obj() or ()) if out.hash_info.isdir else ():
        if not {"", ".", ".."}.isdisjoint(key):
            raise RunFailed(
                Reason.DATA_MISSING,
                f"{project.relative(out.fs_path)}: its list of files has {'/'.join(key)}, which"
                " leads out of it",
            )


def _push(project: Project, name: str, hashes: set[HashInfo]) -> None:
    """What the remote has by then is not sent again."""
    url = project.url(name)
    try:
        with transfers(project) as errors:
            result = project.repo.cloud.push(hashes, remote=name)
    except Exception as error:
        raise store_failure(error, url) or unknown_failure(error, f"{url}: {error}") from error
    if result.failed:
        if (trouble := trouble_in(errors, url)) is not None:
            raise trouble
        check_remote(project, name, write=True)
        raise Away(Reason.STORE_UNREACHABLE, f"{url} did not take {len(result.failed)} objects")


def on_disk(out: Output) -> bool:
    """Whether ``out`` lies in its place as recorded."""
    return bool(out.exists) and not out.changed_checksum()


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
