"""The steps of a training, in their order."""

import tempfile
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from retrain_core.outcome import Reason
from retrain_core.redact import without_userinfo
from retrain_core.result import DVCState, ModelVersion
from retrain_trainer import environment
from retrain_trainer.interrupt import Interruption
from retrain_trainer.job import Job
from retrain_trainer.pipeline import objects
from retrain_trainer.pipeline.imports import update_imports
from retrain_trainer.pipeline.metrics import Metrics, read_metrics
from retrain_trainer.pipeline.model import model_output
from retrain_trainer.pipeline.params import override_params, parameter_files
from retrain_trainer.pipeline.project import Output, Project, open_project
from retrain_trainer.pipeline.remote import check_remote
from retrain_trainer.pipeline.run_cache import pull_run_cache, push_run_cache
from retrain_trainer.pipeline.stages import (
    Execution,
    Plan,
    StageEnded,
    StageStarted,
    plan_stages,
    run_stages,
)
from retrain_trainer.pipeline.state import PipelineState, capture_state, has_lock
from retrain_trainer.progress import Progress
from retrain_trainer.promotion import Promoter
from retrain_trainer.recording import record_training, version_tags
from retrain_trainer.registry.register import register
from retrain_trainer.registry.release import mark_release
from retrain_trainer.registry.versions import MLflowRegistry, Version
from retrain_trainer.report import Reporter
from retrain_trainer.starting_point import find_starting_point
from retrain_trainer.tracking.run import TrackedRun


class Training:
    """One attempt at a run. The steps fill ``progress``, so that it tells of a failed one too."""

    project: Project
    plan: Plan
    state: PipelineState
    metrics: Metrics

    def __init__(
        self,
        job: Job,
        run: TrackedRun,
        progress: Progress,
        report: Reporter,
        interruption: Interruption,
    ) -> None:
        self.job = job
        self.run = run
        self.progress = progress
        self.report = report
        self.interruption = interruption
        model = job.spec.model
        self.registry = MLflowRegistry(run.client, job.tracking_uri, model.name) if model else None

    def execute(self) -> tuple[Reason, str]:
        """Run every step; returns how it ended.

        Raises:
            RunFailed: as the table of outcomes has it.
            Interrupted: the run was told to stop.
        """
        self.preflight()
        self.prepare_environment()
        self.find_start()
        self.update_imports()
        self.run_stages()
        if (version := self.same_version()) is not None:
            return self.up_to_date(version)
        self.push()
        self.record()
        if self.registry is None:
            return Reason.TRAINED, "trained; the spec names no model to register"
        self.register(self.registry)
        self.promote(self.registry)
        return Reason.TRAINED, self._what_became_of_it()

    def preflight(self) -> None:
        self.report.step("preflight")
        self.project = open_project(self.job)
        self.plan = plan_stages(self.project, self.job.spec.dvc.targets, self.job.spec.dvc.force)
        if self.job.spec.model is not None:
            found = model_output(self.project, self.plan, self.job.spec.model)
            self._model_path = found.fs_path
        self.params = override_params(self.project, self.job.spec.dvc.params, "spec.dvc.params")
        if self.project.writer is not None:
            check_remote(self.project, self.project.writer, write=True)
        elif self.job.spec.dvc.push:
            self.report.warn("there is no DVC remote: the artifacts stay in the cache alone")
        self.run.resume()

    def prepare_environment(self) -> None:
        python = self.job.spec.python
        if python is None:
            self.python = environment.inspect()
            return
        self.report.step("environment")
        file = self.job.project / python.requirements
        self.python = environment.install(file, python.requirements, self.job.state)

    def find_start(self) -> None:
        versions = self.registry.versions() if self.registry else []
        self.start = find_starting_point(
            self.project, self.run, versions, self.python.digest, self.report
        )
        self.forced_done = set(self.start.forced_done)

    def update_imports(self) -> None:
        if self.start.imports is not None:
            self.imports = list(self.start.imports)
        else:
            if self.job.spec.dvc.update:
                self.report.step("update imports")
            self.imports = update_imports(self.project, self.job.spec.dvc.update, self.plan)
            objects.push(self.project, self._outs(self.imports))
        self._save_state()

    def run_stages(self) -> None:
        self.report.step("stages")
        if self.start.run_cache and not has_lock(self.project):
            pull_run_cache(self.project)
        execution = Execution(
            self.stage_environment, self.interruption, self.report, self.start.run_cache
        )
        for event in run_stages(self.project, self.plan, self._forced(), execution):
            if isinstance(event, StageStarted):
                self.report.stage_started(event.name, event.number, event.total)
            else:
                self._stage_ended(event)

    def same_version(self) -> Version | None:
        """A version, of another run, that carries this dvc.lock and environment already."""
        versions = self.registry.versions() if self.registry else []
        for version in reversed(versions):
            if (
                version.lock_md5 == self.state.lock_md5
                and version.environment == self.python.digest
                and version.run_id != self.run.run_id
            ):
                return version
        return None

    def up_to_date(self, version: Version) -> tuple[Reason, str]:
        assert self.registry is not None
        self.metrics = read_metrics(self.project)
        self.progress.metrics = self.metrics.named()
        self._registered(self.registry, version)
        model = self.job.spec.model
        if model is not None and model.promotion is not None:
            self.metrics.require(model.promotion.metric)
        if not version.decided:
            # Whoever registered it has failed before deciding, for want of the metric perhaps.
            self.promote(self.registry)
        return Reason.UP_TO_DATE, (
            f"nothing that the run looks at has changed: version {version.number} of"
            f" {self.registry.name} has the same dvc.lock and environment"
        )

    def push(self) -> None:
        if self.project.writer is None:
            return
        self.report.step("push")
        objects.push(self.project, self._outs([*self.plan.stages, *self.plan.sources]))
        push_run_cache(self.project)

    def record(self) -> None:
        self.report.step("record")
        self.metrics = read_metrics(self.project)
        self.progress.metrics = self.metrics.named()
        record_training(
            self.job, self.run, self.project, self.plan, self.state, self.python, self.report
        )

    def register(self, registry: MLflowRegistry) -> None:
        self.report.step("register")
        objects.place(self.project, [self.model])
        tags = version_tags(
            self.job,
            self.project,
            self.plan,
            model=self.model,
            metrics=self.metrics,
            state=self.state,
            commit=self.progress.commit,
        )
        version = register(registry, self.run, Path(self.model.fs_path), tags)
        self._registered(registry, version)

    def promote(self, registry: MLflowRegistry) -> None:
        self.report.step("promote")
        with tempfile.TemporaryDirectory(dir=self.job.state) as scratch:
            promoter = Promoter(
                job=self.job,
                run=self.run,
                project=self.project,
                plan=self.plan,
                model=self.model,
                metrics=self.metrics,
                environment=self.stage_environment,
                report=self.report,
                scratch=Path(scratch),
            )
            promoter.promote(registry, self.version, self.progress)

    @property
    def model(self) -> Output:
        """The model's output as DVC knows it now: its hash changes when its stage runs."""
        return self.project.producers()[self._model_path]

    @cached_property
    def stage_environment(self) -> dict[str, str]:
        """The variables that make user code join our run with the right python."""
        choose = self.job.stage_tracking_uri
        tracking_uri = choose(self.python.packages) if choose else self.job.tracking_uri
        return {
            **self.job.environment,
            "PATH": self.python.search_path,
            "PYTHONUNBUFFERED": "1",
            "MLFLOW_TRACKING_URI": tracking_uri,
            "MLFLOW_RUN_ID": self.run.run_id,
            "MLFLOW_EXPERIMENT_ID": self.run.experiment_id,
        }

    def _stage_ended(self, event: StageEnded) -> None:
        self.report.stage_ended(event.name, event.state, event.seconds)
        self.progress.stage_ended(event.name, event.state, event.seconds)
        if event.state == "Failed":
            return
        self.forced_done.add(event.name)
        if event.state != "Unchanged":
            objects.push(self.project, self._outs([event.name]))
            self._save_state()
        self.interruption.check()

    def _outs(self, addressings: Collection[str]) -> list[Output]:
        stages = [stage for stage in self.project.stages() if stage.addressing in addressings]
        return [out for stage in stages for out in stage.outs]

    def _save_state(self) -> None:
        self.state = capture_state(
            self.project,
            environment=self.python.digest,
            params=self.params or list(parameter_files(self.project)),
            imports=self.imports,
            forced=self.forced_done,
            force_all=self.start.force_all,
        )
        self.run.write_state(self.state.model_dump_json())
        url = self.project.remote_url()
        self.progress.dvc = DVCState(
            lock_md5=self.state.lock_md5, remote=without_userinfo(url)[:1024] if url else None
        )

    def _forced(self) -> set[str]:
        wanted = self.plan.stages if self.start.force_all else self.job.spec.dvc.force
        return set(wanted) - self.forced_done

    def _registered(self, registry: MLflowRegistry, version: Version) -> None:
        self.version = version
        self.progress.model = ModelVersion(
            name=registry.name,
            version=str(version.number),
            uri=f"models:/{registry.name}/{version.number}",
        )
        if self.job.release:
            model = self.job.spec.model
            promotion = model.promotion if model else None
            mark_release(registry, version.number, self.job.release, promotion)

    def _what_became_of_it(self) -> str:
        made = self.progress.model
        assert made is not None
        state = "is the champion" if made.promoted else "is registered, not promoted"
        return f"version {made.version} of {made.name} {state}" + (
            f": {made.reason}" if made.reason else ""
        )
