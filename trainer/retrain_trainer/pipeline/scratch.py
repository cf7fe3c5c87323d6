"""A copy of the git repository around a project, to run commands in that nothing is kept of."""

import shutil
from pathlib import Path

from retrain_trainer.pipeline.links import top_of

SKIPPED = {".dvc": {"cache", "tmp"}}
HOME = ".retrain"


def copy_repository(root: Path, scratch: Path) -> Path:
    """Copy all of the repository that ``root`` is in, its git too; returns root's place there.

    Git must not find another one above ``scratch``, nor a stage write into ours.
    """
    top = top_of(root)

    def ignored(folder: str, names: list[str]) -> set[str]:
        return set(names) & {HOME, *SKIPPED.get(Path(folder).name, ())}

    shutil.rmtree(scratch, ignore_errors=True)
    shutil.copytree(top, scratch, ignore=ignored, symlinks=True)
    return scratch / root.relative_to(top)
