"""DVC's run cache at the remote: fetched once at the start, stored once at the end.

DVC copies all of it for every stage otherwise: 15.6 s instead of 2.8 s with 300 entries.
"""

from contextlib import suppress

from retrain_trainer.pipeline.project import Project


def pull_run_cache(project: Project) -> None:
    """Fetch the entries that the local cache lacks; one that cannot be had costs only time."""
    for name in project.readers:
        with suppress(Exception):
            odb = project.repo.cloud.get_remote_odb(name, hash_name="md5-dos2unix")
            project.repo.stage_cache.transfer(odb, project.repo.cache.legacy, force=False)


def push_run_cache(project: Project) -> None:
    """Store the entries that the remote lacks."""
    if project.writer is None:
        return
    odb = project.repo.cloud.get_remote_odb(project.writer, hash_name="md5-dos2unix")
    project.repo.stage_cache.transfer(project.repo.cache.legacy, odb, force=False)
