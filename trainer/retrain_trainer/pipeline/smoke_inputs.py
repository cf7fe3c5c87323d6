"""Puts the little data of a smoke training in the place of the pipeline's inputs."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.edited_data import record_content, take_edited_data
from retrain_trainer.pipeline.project import Output, Project

FIELD = "spec.smoke.inputs"


def replace_inputs(project: Project, inputs: Mapping[str, str], original: Path) -> set[str]:
    """Put files or folders of the project, the values, in the places that are the keys.

    What a .dvc file would bring there is left out: the input is a plain file then. Of a folder
    that a .dvc file brings, only the files in question are replaced; the others are as they lie
    in ``original``, the DVC root that the project is a copy of.

    Returns the addressings of the .dvc files of such folders.

    Raises:
        RunFailed: InvalidSpec where there is no such file, or a link leads out of the project.
    """
    folders = set()
    for target, source in inputs.items():
        place, origin = project.path / target, project.path / source
        _check(project, target, source)
        if folder := _folder_around(project, place):
            if folder.stage.addressing not in folders:
                take_edited_data(project, original, {folder.stage.addressing})
                folders.add(folder.stage.addressing)
                folder = project.producers()[folder.fs_path]
            transfer.place(project, [folder])
            _put(origin, place)
            record_content(project, folder)
        else:
            _forget_sources(project, place)
            _put(origin, place)
    return folders


def _check(project: Project, target: str, source: str) -> None:
    root = Path(project.repo.root_dir).resolve()
    origin = project.path / source
    if not origin.exists():
        raise RunFailed(
            Reason.INVALID_SPEC, f"{FIELD}.{target}: there is no {source} in the repository"
        )
    place = (project.path / target).parent.resolve()
    if not place.is_relative_to(root):
        raise RunFailed(
            Reason.INVALID_SPEC, f"{FIELD}.{target}: a link leads out of the repository"
        )
    if (place / Path(target).name).is_relative_to(origin.resolve()):
        raise RunFailed(Reason.INVALID_SPEC, f"{FIELD}.{target}: it lies in {source} itself")


def _folder_around(project: Project, place: Path) -> Output | None:
    """The folder of a .dvc file that ``place`` lies in."""
    for path, out in project.producers().items():
        if out.stage.is_data_source and Path(path) in place.parents:
            return out
    return None


def _forget_sources(project: Project, place: Path) -> None:
    """Leave out what .dvc files would bring to ``place`` or below."""
    forgotten = False
    for stage in project.stages():
        if not stage.is_data_source:
            continue
        kept = [out for out in stage.outs if not Path(out.fs_path).is_relative_to(place)]
        if len(kept) == len(stage.outs):
            continue
        forgotten = True
        if kept:
            stage.outs = kept
            stage.dump()
        else:
            Path(stage.path).unlink()
    if forgotten:
        project.repo._reset()


def _put(origin: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # A link would lead to a file that is not ours.
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    if origin.is_dir():
        shutil.copytree(origin, place)
    else:
        shutil.copyfile(origin, place)
