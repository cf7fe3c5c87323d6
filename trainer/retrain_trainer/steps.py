"""The steps of a training, in their order."""

import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from retrain_core.outcome import Reason
from retrain_core.redact import without_userinfo
from retrain_core.result import DVCState, ModelVersion, Stage
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
    ALL,
    Execution,
    Plan,
    StageEnded,
    StageStarted,
    plan_stages,
    run_stages,
)
from retrain_trainer.pipeline.state import PipelineState, capture_state, has_lock, restore_state
from retrain_trainer.progress import Progress
from retrain_trainer.promotion import Promoter
from retrain_trainer.recording import record_training, version_tags
from retrain_trainer.registry.register import register
from retrain_trainer.registry.versions import COMMIT, RELEASE, MLflowRegistry, Version
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.run import TrackedRun, read_state


class Training:
    """One attempt at a run. The steps fill ``progress``, so that it tells of a failed one too."""

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
        self.forced_done: set[str] = set()
        self.force_all = False
        self.updated: list[str] = []
        self.params: list[str] = []

    def execute(self) -> tuple[Reason, str]:
        """Run every step; returns how it ended.

        Raises:
            RunFailed: as the table of outcomes has it.
            Interrupted: the run was told to stop.
        """
        self.preflight()
        self.prepare_environment()
        self.resume()
        self.update_imports()
        self.run_stages()
        if (version := self.same_version()) is not None:
            return self.up_to_date(version)
        self.push()
        self.record()
        if self.registry is None:
            return Reason.TRAINED, "trained; no model is registered as the spec names none"
        return self.register_and_promote(self.registry)

    @property
    def model(self) -> Output:
        """The model's output as DVC knows it now: its hash changes when its stage runs."""
        return self.project.producers()[self._model_path]

    def preflight(self) -> None:
        self.report.step("preflight")
        self.project: Project = open_project(self.job)
        self.plan: Plan = plan_stages(
            self.project, self.job.spec.dvc.targets, self.job.spec.dvc.force
        )
        if self.job.spec.model is not None:
            found = model_output(self.project, self.plan, self.job.spec.model)
            self._model_path = found.fs_path
            self.progress.model_file = None if found.is_dir_checksum else Path(found.fs_path).name
        self.params = override_params(self.project, self.job.spec.dvc.params, "spec.dvc.params")
        if self.project.writer is not None:
            check_remote(self.project, self.project.writer, write=True)
        elif self.job.spec.dvc.push:
            self.report.warn("there is no DVC remote: the artifacts stay in the cache alone")
        self.run.resume()
        self.versions = self.registry.versions() if self.registry else []

    def prepare_environment(self) -> None:
        python = self.job.spec.python
        if python is None:
            self.python = environment.inspect()
            return
        self.report.step("environment")
        file = self.job.project / python.requirements
        self.python = environment.install(file, python.requirements, self.job.state)

    def resume(self) -> None:
        """Go on where an earlier attempt ended; else start from the newest version's lock."""
        self.run_cache = True
        kept = self.run.read_state() if self.run.resumed else None
        state = PipelineState.model_validate_json(kept) if kept else None
        if state is not None and state.environment == self.python.digest:
            self.report.note("going on where an earlier attempt ended")
            restore_state(self.project, state, everything=True)
            self.forced_done, self.force_all = set(state.forced), state.force_all
            self.updated = sorted(state.imports)
            return
        same = [v for v in self.versions if self._environment(v) == self.python.digest]
        # The run cache knows nothing of environments.
        self.run_cache = bool(same) or not self.versions
        if has_lock(self.project):
            self._distrust_other_environment()
        elif same and same[-1].run_id:
            text = read_state(self.run.client, self.run.tracking_uri, same[-1].run_id)
            if text:
                seed = PipelineState.model_validate_json(text)
                restore_state(self.project, seed, everything=False)
                self.report.note(f"starting from the dvc.lock of version {same[-1].number}")

    def update_imports(self) -> None:
        if not self.updated:
            wanted = self.job.spec.dvc.update
            if wanted:
                self.report.step("update imports")
            self.updated = update_imports(self.project, wanted, self.plan)
            self._save_state()
        sources = [s for s in self.project.stages() if s.addressing in self.updated]
        objects.push(self.project, [out for stage in sources for out in stage.outs])

    def run_stages(self) -> None:
        self.report.step("stages")
        if self.run_cache and not has_lock(self.project):
            pull_run_cache(self.project)
        execution = Execution(
            environment=self.stage_environment(),
            interruption=self.interruption,
            report=self.report,
            run_cache=self.run_cache,
        )
        for event in run_stages(self.project, self.plan, self._forced(), execution):
            if isinstance(event, StageStarted):
                self.report.stage_started(event.name, event.number, event.total)
            else:
                self._stage_ended(event)

    def same_version(self) -> Version | None:
        """A version that already carries this dvc.lock and environment."""
        if self.registry is None:
            return None
        self.versions = self.registry.versions()
        for version in reversed(self.versions):
            lock = version.tags.get("retrain.dev/dvc-lock-md5")
            if (
                lock is not None
                and lock == self.state.lock_md5
                and self._environment(version) == self.python.digest
                and version.run_id != self.run.run_id
            ):
                return version
        return None

    def up_to_date(self, version: Version) -> tuple[Reason, str]:
        assert self.registry is not None
        self.progress.metrics = read_metrics(self.project).named()
        self.progress.model = ModelVersion(
            name=self.registry.name,
            version=str(version.number),
            uri=f"models:/{self.registry.name}/{version.number}",
            reason="nothing to register: the version exists",
        )
        if self.job.release:
            self._tag_release(version.number)
        if not version.decided:
            self.report.note(f"version {version.number} exists, its promotion is still open")
            self.metrics = read_metrics(self.project)
            self._promote(self.registry, version)
        return Reason.UP_TO_DATE, (
            f"nothing that the run looks at has changed: version {version.number} of"
            f" {self.registry.name} has the same dvc.lock and environment"
        )

    def push(self) -> None:
        if self.project.writer is None:
            return
        self.report.step("push")
        planned = {*self.plan.stages, *self.plan.sources}
        stages = [s for s in self.project.stages() if s.addressing in planned]
        objects.push(self.project, [out for stage in stages for out in stage.outs])
        push_run_cache(self.project)

    def record(self) -> None:
        self.report.step("record")
        self.metrics: Metrics = read_metrics(self.project)
        self.progress.metrics = self.metrics.named()
        record_training(self.job, self.run, self.project, self.plan, self.state, self.python)

    def register_and_promote(self, registry: MLflowRegistry) -> tuple[Reason, str]:
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
        if self.job.release:
            self._tag_release(version.number)
        self.progress.model = ModelVersion(
            name=registry.name,
            version=str(version.number),
            uri=f"models:/{registry.name}/{version.number}",
        )
        self._promote(registry, version)
        made = self.progress.model
        return Reason.TRAINED, (
            f"version {version.number} of {registry.name} "
            + ("is the champion" if made.promoted else "is registered")
            + (f": {made.reason}" if made.reason else "")
        )

    def stage_environment(self) -> dict[str, str]:
        """The variables that make user code join our run with the right python."""
        choose = self.job.stage_tracking_uri
        tracking_uri = choose(self.python.packages) if choose else self.job.tracking_uri
        return {
            **self.job.environment,
            "PATH": f"{self.python.bin}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
            "MLFLOW_TRACKING_URI": tracking_uri,
            "MLFLOW_RUN_ID": self.run.run_id,
            "MLFLOW_EXPERIMENT_ID": self.run.experiment_id,
        }

    def _stage_ended(self, event: StageEnded) -> None:
        self.report.stage_ended(event.name, event.state, event.seconds)
        self.progress.stages.append(
            Stage(name=event.name, state=event.state, seconds=round(event.seconds, 2))
        )
        self.forced_done.add(event.name)
        if event.state in ("Ran", "Restored"):
            stage = next(s for s in self.project.stages() if s.addressing == event.name)
            objects.push(self.project, stage.outs)
            self._save_state()
        self.interruption.check()

    def _save_state(self) -> None:
        self.state: PipelineState = capture_state(
            self.project,
            environment=self.python.digest,
            params=self.params or list(parameter_files(self.project)),
            imports=self.updated,
            forced=self.forced_done,
            force_all=self.force_all,
        )
        self.run.write_state(self.state.model_dump_json())
        url = self.project.remote_url()
        self.progress.dvc = DVCState(
            lock_md5=self.state.lock_md5, remote=without_userinfo(url)[:1024] if url else None
        )

    def _forced(self) -> Collection[str]:
        wanted = set(self.plan.stages) if self.force_all else set(self.job.spec.dvc.force)
        return wanted - self.forced_done - {ALL}

    def _distrust_other_environment(self) -> None:
        """Force everything if the lock in git is known, but only from other environments."""
        state = capture_state(
            self.project, environment="", params=(), imports=(), forced=(), force_all=False
        )
        known = [
            v for v in self.versions if v.tags.get("retrain.dev/dvc-lock-md5") == state.lock_md5
        ]
        if known and all(self._environment(v) != self.python.digest for v in known):
            self.force_all = True
            self.report.note("the environment has changed since: every stage runs")

    @staticmethod
    def _environment(version: Version) -> str | None:
        return version.tags.get("retrain.dev/environment")

    def _tag_release(self, number: int) -> None:
        assert self.registry is not None
        assert self.job.release is not None
        self.registry.tag(number, {RELEASE: self.job.release, COMMIT: self.progress.commit or ""})
        # MLflow refuses dots in aliases.
        self.registry.set_alias(self.job.release.replace(".", "-"), number)

    def _promote(self, registry: MLflowRegistry, version: Version) -> None:
        self.report.step("promote")
        with tempfile.TemporaryDirectory(dir=self.job.state) as scratch:
            promoter = Promoter(
                job=self.job,
                run=self.run,
                project=self.project,
                plan=self.plan,
                model=self.model,
                metrics=self.metrics,
                environment=self.stage_environment(),
                report=self.report,
                scratch=Path(scratch),
            )
            promoter.promote(registry, version, self.progress)
