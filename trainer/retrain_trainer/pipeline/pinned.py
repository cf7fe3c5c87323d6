"""Datasets of dvc.yaml: they are what dvc.lock pins."""

from dvc.dependency import DatasetDependency
from dvc.exceptions import DvcException

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project, commands


def refuse_unpinned_datasets(project: Project, plan: Plan) -> None:
    """Look for the datasets of dvc.yaml that the plan's stages depend on.

    Raises:
        RunFailed: InvalidPipeline for one that dvc.lock does not pin.
    """
    for stage in commands(project.stages()):
        for dep in stage.deps:
            if stage.addressing not in plan.stages or not isinstance(dep, DatasetDependency):
                continue
            try:
                dep.get_hash()
            except DvcException as error:
                raise RunFailed(
                    Reason.INVALID_PIPELINE,
                    f"stage {stage.addressing} depends on {dep.def_path}: {error} Run"
                    f" `dvc ds update {dep.name}` and commit dvc.lock",
                ) from error
