"""Refuses outputs that links lead out of the repository: what lies there is not ours."""

from collections.abc import Iterable
from pathlib import Path

from dvc.stage import Stage

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.project import Project, commands


def refuse_outward_outputs(project: Project, stages: Iterable[Stage]) -> None:
    """Let no stage write through a link to where the repository ends.

    Raises:
        RunFailed: InvalidPipeline.
    """
    top = top_of(Path(project.repo.root_dir)).resolve()
    for stage in commands(list(stages)):
        for out in stage.outs:
            if out.protocol != "local" or not out.is_in_repo:
                continue
            if not Path(out.fs_path).parent.resolve().is_relative_to(top):
                raise RunFailed(
                    Reason.INVALID_PIPELINE,
                    f"stage {stage.addressing}: a link leads its output"
                    f" {project.relative(out.fs_path)} out of the repository: let the stage write"
                    " to a folder of the repository",
                )


def top_of(root: Path) -> Path:
    """The git work tree around ``root``, or that itself."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
