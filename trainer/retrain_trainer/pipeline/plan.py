"""DVC's plan for a run: which stages, in which order, and the data that they start from."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.stage import PipelineStage, Stage

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.errors import UNREADABLE, pipeline_failure
from retrain_trainer.pipeline.links import refuse_outward_outputs
from retrain_trainer.pipeline.paths import local_path, related
from retrain_trainer.pipeline.project import Project, commands
from retrain_trainer.pipeline.unfetched import refuse_unfetched

ALL = "*"
"""Stands for every stage where stages to force are named."""


@dataclass(frozen=True)
class Plan:
    """The stages to look at, in order, and the data sources they use."""

    stages: list[str]
    """Addressings, such as `train` or `sub/dvc.yaml:train`."""
    sources: list[str]
    above: dict[str, frozenset[str]] = field(default_factory=dict)
    """Addressing of a stage -> those of all stages and sources that it builds on."""

    def pipeline_stages(self, project: Project) -> list[PipelineStage]:
        """The plan's stages as they are now, in order."""
        known = {stage.addressing: stage for stage in commands(project.stages())}
        return [known[name] for name in self.stages if name in known]

    def outs(self, project: Project) -> Iterator[Output]:
        """Outputs that this run vouches for: those of stages that are not frozen."""
        for stage in self.pipeline_stages(project):
            if not stage.frozen:
                yield from stage.outs


def plan_stages(project: Project, targets: Collection[str], forced: Collection[str]) -> Plan:
    """The plan of DVC for ``targets``, else for all of the project's dvc.yaml.

    Raises:
        RunFailed: InvalidSpec for an unknown target or forced stage, InvalidPipeline for a
            pipeline that DVC refuses or that depends on a file that is not there.
    """
    try:
        graph = get_active_graph(project.repo.index.graph)
        ordered: list[Stage] = plan_repro(graph, _targets(project, targets))
    except UNREADABLE as error:
        raise pipeline_failure(error) from error
    plan = Plan(
        stages=[stage.addressing for stage in commands(ordered)],
        sources=[stage.addressing for stage in ordered if stage.is_data_source],
        above={
            stage.addressing: frozenset(
                other.addressing for other in plan_repro(graph, [stage]) if other is not stage
            )
            for stage in ordered
        },
    )
    if unknown := sorted(set(forced) - set(plan.stages) - {ALL}):
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.dvc.force: no stage {', '.join(unknown)}; known: {', '.join(plan.stages)}",
        )
    refuse_unfetched(project, ordered)
    _refuse_lost_dependencies(project, ordered)
    refuse_outward_outputs(project, ordered)
    return plan


def _targets(project: Project, targets: Collection[str]) -> list[Stage]:
    known = [stage.addressing for stage in commands(project.stages())]
    for target in targets:
        try:
            collect_stages(project.repo, [target])
        except DvcException as error:
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"spec.dvc.targets: no stage {target}; known: {', '.join(known)}",
            ) from error
    return list(collect_stages(project.repo, targets or ["dvc.yaml"]))


def _refuse_lost_dependencies(project: Project, stages: list[Stage]) -> None:
    """A stage would find out by itself, after the ones before it have trained."""
    produced = list(project.producers())
    for stage in commands(stages):
        for dep in stage.deps:
            path = local_path(dep)
            if path is None or stage.frozen or isinstance(dep, ParamsDependency) or dep.exists:
                continue
            if not any(related(path, out) for out in produced):
                raise RunFailed(
                    Reason.INVALID_PIPELINE,
                    f"stage {stage.addressing} depends on {project.relative(path)}, which neither"
                    " is in the repository nor is the output of a stage: commit it, track it with"
                    " `dvc add`, or name it under `outs` of the stage that writes it",
                )
