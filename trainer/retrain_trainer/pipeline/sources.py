"""What the stages of a plan read from outside: had before the first stage runs, or a reason."""

from collections.abc import Collection

from dvc.dependency import DatasetDependency
from dvc.exceptions import DvcException
from dvc.stage import PipelineStage

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.fetch import fetch
from retrain_trainer.pipeline.original import local_path
from retrain_trainer.pipeline.project import Project, commands
from retrain_trainer.pipeline.stages import ALL, Plan, related, upstream


def fetch_sources(project: Project, plan: Plan, forced: Collection[str]) -> None:
    """Bring the data sources of the stages that are to run into the cache.

    A stage hours later would end the run for want of them.

    Raises:
        RunFailed: DataMissing or what is wrong with a store; InvalidPipeline for a dataset of
            dvc.yaml that dvc.lock does not pin.
    """
    _refuse_unpinned_datasets(project, plan)
    with project.repo.lock:
        running = _to_run(project, plan, forced)
    read = [path for stage in running for dep in stage.deps if (path := local_path(dep))]
    outs = [
        out
        for stage in project.stages()
        if stage.addressing in plan.sources
        for out in stage.outs
        if any(related(path, out.fs_path) for path in read)
    ]
    fetch(project, [out for out in outs if not out.exists or out.changed_checksum()])


def _to_run(project: Project, plan: Plan, forced: Collection[str]) -> list[PipelineStage]:
    """The stages of ``plan`` that run, as far as can be told now: changed ones, and all below."""
    known = {stage.addressing: stage for stage in commands(project.stages())}
    running: list[PipelineStage] = []
    for stage in (known[name] for name in plan.stages):
        made = [out.fs_path for other in running for out in other.outs]
        read = [path for dep in stage.deps if (path := local_path(dep))]
        below = any(related(path, out) for path in read for out in made)
        if below or ALL in forced or stage.addressing in forced or _changed(project, stage):
            running.append(stage)
    return running


def _changed(project: Project, stage: PipelineStage) -> bool:
    try:
        return bool(stage.changed(allow_missing=True, upstream=upstream(project, stage)))
    except DvcException:
        # What is wrong with it is told when it is its turn.
        return True


def _refuse_unpinned_datasets(project: Project, plan: Plan) -> None:
    for stage in commands(project.stages()):
        for dep in stage.deps:
            if stage.addressing not in plan.stages or not isinstance(dep, DatasetDependency):
                continue
            try:
                dep.get_hash()
            except DvcException as error:
                raise RunFailed(
                    Reason.INVALID_PIPELINE,
                    f"stage {stage.addressing} depends on {dep.def_path}: {error}. What dvc.yaml"
                    f" declares is pinned by `dvc ds update {dep.name}`: commit its dvc.lock",
                ) from error
