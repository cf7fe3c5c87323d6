"""Brings the contents of outputs into the cache, from whichever remote has them."""

from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from dvc.output import Output
from dvc_data.hashfile import check, load
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree
from dvc_objects.errors import ObjectFormatError

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.errors import store_failure
from retrain_trainer.pipeline.file_system import is_versioned
from retrain_trainer.pipeline.missing import missing
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.remote import asked, transfers, trouble_in, trouble_reading
from retrain_trainer.pipeline.routes import read_from


def fetch(project: Project, outs: Iterable[Output]) -> None:
    """Bring ``outs`` into the cache, each from the first remote that has it.

    Raises:
        RunFailed: DataMissing, or what is wrong with the store.
    """
    wanted = [out for out in outs if out.hash_info and out.is_in_repo and not in_cache(out)]
    if wanted:
        project.patience.through(partial(_fetch, project, wanted))


def _fetch(project: Project, outs: list[Output]) -> None:
    wanted = [out for out in outs if not in_cache(out)]
    routes = {out: read_from(project, out) for out in wanted}
    troubles: dict[str, RunFailed] = {}
    named = sorted({out.remote.lower() for out in wanted if out.remote})
    for name in dict.fromkeys([*project.stores.near, *named, *project.stores.far]):
        here = [out for out in wanted if name in routes[out]]
        if here and (trouble := _fetch_from(project, name, here)) is not None:
            troubles[name] = trouble
        wanted = [out for out in wanted if out not in here or not in_cache(out)]
    for out in wanted:
        if out.stage.is_repo_import or out.stage.is_versioned_import:
            trouble = _fetch_import(project, out)
            if trouble is not None:
                troubles[str(out.stage.deps[0])] = trouble
    wanted = [out for out in wanted if not in_cache(out)]
    if wanted:
        for name in troubles:
            # What is needed is asked for at the next try.
            project.silent.pop(name, None)
        raise missing(project, wanted, routes, troubles)


def in_cache(out: Output) -> bool:
    """Whether the cache holds all of ``out``'s contents.

    What there has other bytes than its hash says is removed.
    """
    if not out.hash_info or not out.is_in_repo:
        return False
    try:
        if not out.files:
            out.cache.check(out.hash_info.value)
        # The files of a folder that is kept in versions stand in its .dvc file or in dvc.lock.
        content = out.get_obj() if out.files else load(out.cache, out.hash_info)
        if content is None:
            return False
        for _, _, item in content if isinstance(content, Tree) else [(None, None, out.hash_info)]:
            out.cache.check(item.value)
        return True
    except (FileNotFoundError, ObjectFormatError):
        return False


def contents(out: Output) -> set[HashInfo]:
    """The objects that ``out`` consists of, so far as the cache knows: DVC moves the list of a
    directory without its files."""
    found = {out.hash_info}
    if out.hash_info.isdir:
        with suppress(FileNotFoundError, ObjectFormatError):
            found |= {item for _, _, item in Tree.load(out.cache, out.hash_info)}
    return found


def holds(project: Project, name: str, out: Output) -> bool:
    """Whether the remote ``name`` has ``out``; one that never answered has nothing.

    Raises:
        Away: the run cannot do without the remote.
    """
    if not out.hash_info or out.hash_info.value is None or trouble_reading(project, name):
        return False
    if is_versioned(project.repo.config, name):
        return bool(out.files or out.meta.version_id) and out.meta.remote in (None, name)

    def look() -> bool:
        odb = project.repo.cloud.get_remote_odb(name, hash_name=out.hash_info.name)
        if odb.fs.protocol == "local":
            check(odb, load(odb, out.hash_info))
            return True
        # DVC uploads the list of a directory after its files: the list vouches for them.
        return bool(odb.exists(out.hash_info.value))

    return asked(project, name, look) is True


def _fetch_from(project: Project, name: str, outs: list[Output]) -> RunFailed | None:
    """Fetch what the remote has; returns what was wrong with it."""
    if (trouble := trouble_reading(project, name)) is not None:
        return trouble
    try:
        if is_versioned(project.repo.config, name):
            _fetch_versions(project, name, outs)
            return None
        wanted = {out.hash_info for out in outs}
        with transfers(project) as errors:
            changed = _pull(project, name, wanted)
            inside = {item for out in outs for item in contents(out)}
            changed += _pull(project, name, inside - wanted)
        trouble = trouble_in(errors, project.url(name))
        if changed and trouble is None:
            message = f"has other bytes under {changed[0]} than its MD5 says"
            trouble = RunFailed(Reason.DATA_MISSING, f"{project.url(name)} {message}")
    except Exception as error:
        trouble = store_failure(error, project.url(name))
    if trouble is not None and trouble.reason is Reason.NO_SPACE_LEFT:
        raise trouble
    return trouble


def _pull(project: Project, name: str, wanted: set[HashInfo]) -> list[str]:
    """Bring ``wanted`` into the cache; returns those whose bytes are not those of their hash."""
    cloud, caches = project.repo.cloud, project.repo.cache
    changed = []
    for kind in {item.name for item in wanted}:
        odb = cloud.get_remote_odb(name, hash_name=kind)
        odb.verify = True
        cache = caches.legacy if kind == "md5-dos2unix" else caches.local
        done = cloud.pull({item for item in wanted if item.name == kind}, odb=odb)
        # What does not pass is removed again.
        came = {item.value for item in done.transferred}
        changed += [value for value in came if not cache.exists(value)]
    return sorted(changed)


def _fetch_versions(project: Project, name: str, outs: list[Output]) -> None:
    core = project.repo.config["core"]
    kept = core.get("remote")
    try:
        project.repo.fetch([out.fs_path for out in outs], remote=name)
    finally:
        # DVC leaves the remote that it is told as the default.
        core["remote"] = kept


def _fetch_import(project: Project, out: Output) -> RunFailed | None:
    """Fetch from where the import comes from, which only DVC knows how to ask."""
    try:
        project.repo.fetch([out.stage.addressing])
    except Exception as error:
        message = " ".join(str(error).split())[:300] or repr(error)
        upstream = str(out.stage.deps[0])
        return store_failure(error, upstream) or RunFailed(
            Reason.DATA_MISSING, f"its upstream {upstream} cannot be read: {message}"
        )
    return None
