"""Runs the stages of DVC's plan one by one, each with an event before and after it."""

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo.reproduce import _reproduce_stage, collect_stages, get_active_graph, plan_repro
from dvc.stage import PipelineStage, Stage

from retrain_core.outcome import Reason, RunFailed
from retrain_core.result import StageState
from retrain_trainer.capture import captured
from retrain_trainer.interrupt import Interruption
from retrain_trainer.memory import kills
from retrain_trainer.pipeline import objects
from retrain_trainer.pipeline.errors import pipeline_failure, stage_failure
from retrain_trainer.pipeline.project import Project, commands
from retrain_trainer.report import Reporter
from retrain_trainer.tail import Tail

ALL = "*"
"""Stands for every stage where stages to force are named."""


@dataclass(frozen=True)
class Plan:
    """The stages to look at, in order, and the data sources they use."""

    stages: list[str]
    """Addressings, such as `train` or `sub/dvc.yaml:train`."""
    sources: list[str]


@dataclass(frozen=True)
class StageStarted:
    name: str
    number: int
    total: int


@dataclass(frozen=True)
class StageEnded:
    name: str
    state: StageState
    seconds: float


StageEvent = StageStarted | StageEnded


@dataclass(frozen=True)
class Execution:
    """How stages run."""

    environment: Mapping[str, str]
    interruption: Interruption
    report: Reporter
    run_cache: bool = True
    """Whether a result recorded for the same inputs may be restored."""


def plan_stages(project: Project, targets: Collection[str], forced: Collection[str]) -> Plan:
    """The plan of DVC for ``targets``, else for all of the project's dvc.yaml.

    Raises:
        RunFailed: InvalidSpec for an unknown target or forced stage, InvalidPipeline for a
            pipeline that DVC refuses or that depends on a file that is not there.
    """
    try:
        graph = get_active_graph(project.repo.index.graph)
        ordered: list[Stage] = plan_repro(graph, _targets(project, targets))
    except (DvcException, OSError) as error:
        raise pipeline_failure(error) from error
    plan = Plan(
        stages=[stage.addressing for stage in commands(ordered)],
        sources=[stage.addressing for stage in ordered if stage.is_data_source],
    )
    if unknown := sorted(set(forced) - set(plan.stages) - {ALL}):
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.dvc.force: no stage {', '.join(unknown)}; known: {', '.join(plan.stages)}",
        )
    _refuse_lost_dependencies(project, ordered)
    return plan


def run_stages(
    project: Project, plan: Plan, forced: Collection[str], execution: Execution
) -> Iterator[StageEvent]:
    """Bring each stage of ``plan`` up to date; those in ``forced`` run in any case.

    Raises:
        RunFailed: a stage failed; its event and those of the earlier ones have been seen.
    """
    for number, name in enumerate(plan.stages, 1):
        yield StageStarted(name, number, len(plan.stages))
        began = time.monotonic()
        force = name in forced or ALL in forced
        try:
            state = _run_stage(project, name, force, execution)
        except RunFailed:
            yield StageEnded(name, "Failed", time.monotonic() - began)
            raise
        yield StageEnded(name, state, time.monotonic() - began)


def _run_stage(project: Project, name: str, force: bool, execution: Execution) -> StageState:
    tail = Tail()
    killed_before = kills()

    def receive(line: str) -> None:
        tail.add(line)
        execution.report.stage_output(line)

    def reproduce(stage: Stage, **_: Any) -> Stage | None:
        above = _upstream(project, stage)
        # Missing outputs count as unchanged only if they can be had: the check downloads nothing.
        unchanged = not force and not stage.changed(allow_missing=True, upstream=above)
        if unchanged and objects.available(project, stage.outs):
            return None
        _place_dependencies(project, stage)
        ran: Stage | None = _reproduce_stage(
            stage,
            upstream=above,
            force=force or unchanged,
            # DVC pulls from the default remote alone, and fails where there is none.
            pull=bool(project.repo.config["core"].get("remote")),
            run_cache=execution.run_cache,
            run_env=dict(execution.environment),
        )
        return ran

    with _commands_seen() as seen:
        try:
            execution.interruption.check()
            with captured(receive):
                # The run cache is not pulled here: with `pull` DVC would copy all of it for
                # every stage.
                done = project.repo.reproduce(
                    [name], single_item=True, repro_fn=reproduce, run_cache=False
                )
        except Exception as error:
            out_of_memory = kills() > killed_before
            failure = stage_failure(name, error, tail.text(), out_of_memory=out_of_memory)
            raise failure from error
    if not done:
        return "Unchanged"
    return "Ran" if seen else "Restored"


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
    """DVC takes a deleted dependency for unchanged where missing data are allowed."""
    produced = list(project.producers())
    for stage in commands(stages):
        for dep in stage.deps:
            if dep.protocol != "local" or isinstance(dep, ParamsDependency) or dep.exists:
                continue
            path = dep.fs_path
            if not any(_related(path, out) for out in produced):
                raise RunFailed(
                    Reason.INVALID_PIPELINE,
                    f"stage {stage.addressing} depends on {project.relative(path)}, which neither"
                    " is in the repository nor is the output of a stage",
                )


def _related(path: str, out: str) -> bool:
    return path == out or path.startswith(f"{out}/") or out.startswith(f"{path}/")


def _upstream(project: Project, stage: Stage) -> list[Stage]:
    wanted = {dep.fs_path for dep in stage.deps}
    return [
        other
        for other in project.repo.index.stages
        if any(out.fs_path in wanted for out in other.outs)
    ]


def _place_dependencies(project: Project, stage: Stage) -> None:
    """Bring what the stage reads; DVC's own pull leaves out outputs with `cache: false`."""
    if not isinstance(stage, PipelineStage):
        return
    outs = {
        out.fs_path: out
        for dep in stage.deps
        if not dep.exists
        for path, out in project.producers().items()
        if _related(dep.fs_path, path)
    }
    objects.place(project, [out for out in outs.values() if not out.stage.is_repo_import])
    for out in outs.values():
        if out.stage.is_repo_import:
            # Its contents are in another DVC repository, which only DVC knows how to ask.
            project.repo.pull([out.stage.addressing])


class _Seen(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.msg.startswith("Running stage")

    def __bool__(self) -> bool:
        return self.count > 0


@contextmanager
def _commands_seen() -> Iterator[_Seen]:
    """DVC tells only its log whether a stage's command ran or a result was restored."""
    logger = logging.getLogger("dvc.stage.run")
    handler = _Seen()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
