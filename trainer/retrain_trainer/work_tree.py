"""What the work tree of a person has that no commit has: trained on, told and marked."""

from collections.abc import Collection
from dataclasses import replace

from retrain_trainer.execution import Execution
from retrain_trainer.pipeline.edited_data import take_edited_data
from retrain_trainer.pipeline.project import Project
from retrain_trainer.report import Reporter
from retrain_trainer.uncommitted import Uncommitted


def take_work_tree(
    execution: Execution, project: Project, report: Reporter, sources: Collection[str] | None = None
) -> tuple[Uncommitted, list[str]]:
    """Let ``project`` use edited data as they lie there; returns what is not committed.

    ``sources`` are addressings of the .dvc files to look at, if not all. The second part of the
    result are the addressings of those that changed.

    Raises:
        RunFailed: DataMissing for data that cannot be read.
    """
    if execution.work_tree is None:
        return Uncommitted(), []
    edited = take_edited_data(project, execution.work_tree.dvc_root, sources)
    for data in edited:
        report.warn(f"{data}: it is trained on as it lies there")
    outs = {project.relative(path) for path in project.producers()}
    found = execution.work_tree.uncommitted.without_outputs(outs)
    found = replace(found, data=tuple(data.path for data in edited))
    return found, sorted({data.addressing for data in edited})
