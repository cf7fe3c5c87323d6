"""What the code of the stages does with MLflow: its runs are children of the training's."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from retrain_trainer.pipeline.code import stage_code
from retrain_trainer.pipeline.project import Project
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.children import (
    Child,
    end_children,
    find_children,
    of_stage,
    read_children,
    record_children,
)
from retrain_trainer.tracking.hints import code_hints
from retrain_trainer.tracking.locations import local_path
from retrain_trainer.tracking.run import TrackedRun
from retrain_trainer.tracking.variables import CONTEXT, stage_variables


@dataclass(frozen=True)
class ChildRuns:
    """The MLflow runs of the stages of one attempt."""

    run: TrackedRun
    project: Project
    report: Reporter

    def begin(self) -> None:
        """The attempt begins: what an earlier one has left running is over."""
        self.run.begin()
        end_children(self.run)

    def variables(
        self, stage: str, environment: Mapping[str, str], commit: str | None
    ) -> dict[str, str]:
        """``environment``, with what makes the runs of ``stage`` children of ours."""
        given = environment.get(CONTEXT, os.environ.get(CONTEXT))
        return {**environment, **stage_variables(self.run.parent(commit), stage, given)}

    def of(self, stage: str) -> list[str]:
        """The ids of the runs that ``stage`` started when it last ran, oldest first."""
        return [child.run_id for child in of_stage(find_children(self.run), stage)]

    def hint(self, stage: str) -> None:
        """Tell of MLflow calls in the code of ``stage``, which has run, that lead elsewhere."""
        code = stage_code(self.project, stage)
        if code_hints(code, logged=False):
            for hint in code_hints(code, logged=bool(self.of(stage))):
                self.report.warn(hint)

    def record(self, stages: Sequence[str], earlier: Collection[str] = ()) -> list[str]:
        """Copy to our run what it lacks of what the code has logged.

        ``earlier``: ids of those of an earlier training, for stages whose result was restored.

        Returns the ids of the children whose files are kept.
        """
        children = [*read_children(self.run, earlier), *find_children(self.run)]
        record_children(self.run, children, stages)
        lost = [child for child in children if self._inside_project(child)]
        for stage in dict.fromkeys(child.stage for child in lost):
            self.report.warn(
                f"what stage {stage} logged as artifacts of MLflow is not kept: its code made an"
                " experiment with an artifact_location inside the project. Leave that out, and"
                " name the experiment anew"
            )
        return [child.run_id for child in children if child not in lost]

    def _inside_project(self, child: Child) -> bool:
        path = local_path(child.artifacts)
        return path is not None and path.is_relative_to(self.project.repo.root_dir)
