"""What `retrain pull` would overwrite that is a person's, or that the pipeline does not own.

What it restores comes from the tracking server, where others write.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from retrain_cli.work_copy.git import changed_files, tracked_files
from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.project import Output, Project


def places(project: Project) -> set[str]:
    """Absolute paths of all outputs."""
    return {out.fs_path for out in _outs(project)}


def refuse(project: Project, source: Path) -> None:
    """Refuse to lose what lies in the outputs' places.

    Raises:
        RunFailed: InvalidSpec.
    """
    outs = _outs(project)
    _refuse(
        project,
        transfer.unsaved(outs),
        "data that were changed since DVC recorded them would be overwritten",
        "`dvc add` or `dvc commit` them first, or let them be overwritten with --force.",
    )
    _refuse(
        project,
        _among([out for out in outs if out.use_cache], source, tracked_files(source)),
        "files of git's would be overwritten, as the pipeline has outputs in their place",
        "Let git forget them (`git rm --cached`), or let them be overwritten with --force.",
    )
    # DVC leaves them to git; what is as dvc.lock has it is no work of a person.
    changed = _among([out for out in outs if not out.use_cache], source, changed_files(source))
    _refuse(
        project,
        [out for out in changed if not transfer.on_disk(out)],
        "uncommitted changes would be overwritten",
        "Commit them first, or let them be overwritten with --force.",
    )


def refuse_other_places(project: Project, before: Collection[str]) -> None:
    """Refuse outputs in places where there was none: parameters can say where they are.

    Raises:
        RunFailed: InvalidSpec.
    """
    _refuse(
        project,
        [out for out in _outs(project) if out.fs_path not in before],
        "with the version's parameters the pipeline has outputs in other places",
        "If they are yours to write to, allow it with --force.",
    )


@contextmanager
def undone_where_refused(source: Path, paths: Collection[str]) -> Iterator[None]:
    """Put the files ``paths`` below ``source`` back where the body ends with a RunFailed."""
    files = [source / path for path in paths]
    kept = {file: file.read_bytes() if file.is_file() else None for file in files}
    try:
        yield
    except RunFailed:
        for file, content in kept.items():
            if content is not None:
                file.write_bytes(content)
            else:
                file.unlink(missing_ok=True)
        raise


def _outs(project: Project) -> list[Output]:
    """Those too of which nothing is recorded here: what lies in their place may be the user's."""
    return [out for stage in project.stages() for out in stage.outs if out.is_in_repo]


def _among(outs: Collection[Output], source: Path, files: Collection[str]) -> list[Output]:
    """Those of ``outs`` in which one of ``files``, relative to ``source``, lies."""
    found = {place for file in files for place in (source / file, *(source / file).parents)}
    return [out for out in outs if Path(out.fs_path) in found]


def _refuse(project: Project, outs: Collection[Output], what: str, remedy: str) -> None:
    if outs:
        names = ", ".join(project.relative(out.fs_path) for out in outs)
        raise RunFailed(Reason.INVALID_SPEC, f"{what}: {names}", remedy)
