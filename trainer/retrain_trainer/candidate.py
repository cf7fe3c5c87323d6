"""The model of a training on its way into the registry: which version it is, and its judgement."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from retrain_core.result import ModelVersion
from retrain_trainer.execution import Execution
from retrain_trainer.partial_result import PartialResult
from retrain_trainer.pipeline.metrics import Metrics
from retrain_trainer.pipeline.model_file import ModelFile
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.records import VersionRecord, keep_record
from retrain_trainer.pipeline.state import PipelineState
from retrain_trainer.promotion import Promoter
from retrain_trainer.recording import complete_profile, version_tags
from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.register import register
from retrain_trainer.registry.release import mark_release
from retrain_trainer.registry.versions import (
    ENVIRONMENT,
    MODEL_MD5,
    MODEL_PATH,
    PIPELINE,
    RECORD,
    Version,
)
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.run import TrackedRun


@dataclass
class Candidate:
    """What a training has come to, and the version that it is once that is known."""

    execution: Execution
    run: TrackedRun
    registry: MLflowRegistry
    project: Project
    plan: Plan
    model: ModelFile
    metrics: Metrics
    state: PipelineState
    uncommitted: str | None
    environment: Mapping[str, str]
    """Variables of the stages."""
    partial_result: PartialResult
    report: Reporter
    version: Version | None = None

    def same_version(self) -> Version | None:
        """The newest version, of another run, that is what this one has come to."""
        wanted = {
            PIPELINE: self.state.pipeline,
            ENVIRONMENT: self.state.environment,
            MODEL_PATH: self.model.path,
            MODEL_MD5: self.model.md5(self.project),
        }
        for version in reversed(self.registry.versions()):
            if version.duplicate:
                continue
            known = {key: version.tags.get(key) for key in wanted}
            if known == wanted and version.training_run != self.run.run_id:
                return version
        return None

    def register(self, children: Sequence[str]) -> None:
        """Make it a version; ``children`` are the ids of the MLflow runs of the stages' code."""
        self.report.step("register")
        tags = {RECORD: self._keep_record()} | version_tags(
            self.execution,
            self.project,
            self.plan,
            model=self.model,
            metrics=self.metrics,
            state=self.state,
            commit=self.partial_result.commit,
            uncommitted=self.uncommitted,
        )
        file = self.model.place(self.project)
        # Again from the start: a version whose making was not answered is found as our own.
        version = self.execution.patience.through(
            lambda: register(self.registry, self.run, file, tags, children)
        )
        self.is_version(version)

    def _keep_record(self) -> str:
        """Before there is the version that names its digest, which is returned."""
        model = str(self.model.out(self.project).hash_info.value)
        record = VersionRecord(**self.state.model_dump(), model_output=model)
        return keep_record(self.project, record)

    def is_version(self, version: Version) -> None:
        """Say which version it is."""
        self.version = version
        if version.by_code:
            self.report.note(f"version {version.number} is what the stages' code registered")
        self.partial_result.model = ModelVersion(
            name=self.registry.name,
            version=str(version.number),
            uri=f"models:/{self.registry.name}/{version.number}",
        )
        if self.execution.release and not version.duplicate:
            model = self.execution.spec.model
            promotion = model.promotion if model else None
            mark_release(
                self.registry, version.number, self.execution.release, promotion, self.report.warn
            )

    def promote(self) -> None:
        """Judge it as the version that this run has registered."""
        with self._promoter() as promoter:
            promoter.promote(self.registry, self._known, self.partial_result)

    def judge_again(self) -> None:
        """Judge it as the version of an earlier run, on today's data and by today's policy."""
        complete_profile(self.execution, self.run, self.project, self._known.training_run)
        with self._promoter() as promoter:
            promoter.judge_again(self.registry, self._known, self.partial_result)

    def what_became_of_it(self) -> str:
        """In words."""
        made = self.partial_result.model
        assert made is not None
        state = "is the champion" if made.promoted else "is registered, not promoted"
        return f"version {made.version} of {made.name} {state}" + (
            f": {made.reason}" if made.reason else ""
        )

    @property
    def _known(self) -> Version:
        assert self.version is not None
        return self.version

    @contextmanager
    def _promoter(self) -> Iterator[Promoter]:
        self.report.step("promote")
        with tempfile.TemporaryDirectory(dir=self.execution.state) as scratch:
            yield Promoter(
                execution=self.execution,
                run=self.run,
                project=self.project,
                plan=self.plan,
                model=self.model,
                metrics=self.metrics,
                environment=self.environment,
                report=self.report,
                scratch=Path(scratch),
            )
