"""The steps of a training, in their order."""

from collections.abc import Collection
from functools import cached_property

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_core.result import DVCState
from retrain_trainer import installation
from retrain_trainer.candidate import Candidate
from retrain_trainer.child_runs import ChildRuns
from retrain_trainer.execution import Execution
from retrain_trainer.interrupt import Interruption
from retrain_trainer.partial_result import PartialResult
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.attempts import keep_attempt
from retrain_trainer.pipeline.imports import update_imports, why_nothing_is_new
from retrain_trainer.pipeline.leftovers import remove_leftovers
from retrain_trainer.pipeline.metrics import Metrics, read_metrics
from retrain_trainer.pipeline.model_file import ModelFile, find_model
from retrain_trainer.pipeline.params import check_params, override_params, parameter_files
from retrain_trainer.pipeline.pinned import refuse_unpinned_datasets
from retrain_trainer.pipeline.plan import Plan, plan_stages
from retrain_trainer.pipeline.project import Output, Project, enter_project
from retrain_trainer.pipeline.remote import check_writers
from retrain_trainer.pipeline.results import Results
from retrain_trainer.pipeline.stages import StageContext, StageEnded, StageStarted, run_stages
from retrain_trainer.pipeline.state import PipelineState, capture_state
from retrain_trainer.recording import record_lock, record_training
from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.versions import Version
from retrain_trainer.report import Reporter
from retrain_trainer.starting_point import find_starting_point
from retrain_trainer.tracking.hints import advised
from retrain_trainer.tracking.run import TrackedRun
from retrain_trainer.work_tree import take_work_tree


class Training:
    """One attempt at a run. The steps fill ``partial_result``: it is there if one fails, too."""

    project: Project
    plan: Plan
    model: ModelFile
    state: PipelineState
    metrics: Metrics
    children: list[str]

    def __init__(
        self,
        execution: Execution,
        run: TrackedRun,
        partial_result: PartialResult,
        report: Reporter,
        interruption: Interruption,
    ) -> None:
        self.execution = execution
        self.spec = execution.spec
        self.run = run
        self.partial_result = partial_result
        self.report = report
        self.interruption = interruption
        self._saved: PipelineState | None = None
        self.earlier_children: list[str] = []
        model = self.spec.model
        uri = execution.tracking_uri
        self.registry = MLflowRegistry(run.client, uri, model.name) if model else None

    def execute(self) -> tuple[Reason, str]:
        """Run every step; returns how it ended.

        Raises:
            RunFailed: as the table of outcomes has it.
            Interrupted: the run was told to stop.
        """
        self.open()
        self.preflight()
        self.prepare_environment()
        self.find_start()
        self.update_imports()
        self.run_stages()
        self.measure()
        if self.registry is None:
            return self.without_model()
        candidate = self.candidate(self.registry)
        if (version := candidate.same_version()) is not None:
            return self.up_to_date(candidate, version)
        self.push()
        self.record()
        candidate.register(self.children)
        candidate.promote()
        return Reason.TRAINED, candidate.what_became_of_it()

    def open(self) -> None:
        """Open the project as the run's parameters shape it, and plan."""
        self.report.step("plan")
        dvc = self.spec.dvc
        self.project = enter_project(self.execution)
        self.params = override_params(self.project, dvc.params, "spec.dvc.params")
        self.project.repo._reset()
        if self.execution.local is not None:
            remove_leftovers(self.project, self.execution.state / "outputs.json")
        self.plan = plan_stages(self.project, dvc.targets, dvc.force)
        check_params(self.project, self.plan)
        refuse_unpinned_datasets(self.project, self.plan)
        if self.spec.model is not None:
            self.model = find_model(self.project, self.plan, self.spec.model)

    def preflight(self) -> None:
        self.report.step("preflight")
        check_writers(self.project, self._outs([*self.plan.stages, *self.plan.sources]))
        if self.project.writer is None and self.spec.dvc.push:
            self.report.warn("there is no DVC remote: the artifacts stay in the cache alone")
        self._take_work_tree()
        self.child_runs = ChildRuns(self.run, self.project, self.report)
        self.child_runs.begin()

    def _take_work_tree(self) -> None:
        sources = self.plan.sources
        found, self.edited = take_work_tree(self.execution, self.project, self.report, sources)
        self.uncommitted = str(found) if found else None
        if self.uncommitted:
            self.report.warn(f"uncommitted work is trained on: {self.uncommitted}")
            self.run.mark_uncommitted(self.uncommitted)

    def prepare_environment(self) -> None:
        if self.spec.python is not None:
            self.report.step("environment")
        self.python = installation.prepare(self.execution)

    def find_start(self) -> None:
        versions = self.registry.versions() if self.registry else []
        commit = self.partial_result.commit
        self.start = find_starting_point(
            self.project, self.execution.uid, commit, versions, self.python.digest, self.report
        )
        self.done = set(self.start.done)
        self.written = dict(self.start.written)
        self.loose_metrics = set(self.start.metrics)
        git = self.spec.source.git
        place = f"{git.url} {git.path}" if git else self.execution.experiment
        self.results = Results(self.project, self.python.digest, place)

    def update_imports(self) -> None:
        if self.start.imports is not None:
            self.imports = list(self.start.imports)
        else:
            if self.spec.dvc.update:
                self.report.step("update imports")
            self.imports = update_imports(self.project, self.spec.dvc.update, self.plan)
            transfer.push(self.project, self._outs(self.imports))
        if self.project.stores.publishes:
            transfer.complete(self.project, self._outs(self.plan.sources))
        self._save_state()

    def run_stages(self) -> None:
        self.report.step("stages")
        context = StageContext(
            environment=self.variables_of,
            interruption=self.interruption,
            report=self.report,
            results=self.results,
            done=self.start.done,
            committed=self.start.committed,
        )
        try:
            for event in run_stages(self.project, self.plan, self.spec.dvc.force, context):
                if isinstance(event, StageStarted):
                    self.report.stage_started(event.name, event.number, event.total)
                else:
                    self._stage_ended(event)
        except RunFailed as failure:
            raise advised(failure) from failure
        self._save_state()
        if self.execution.local is not None:
            outs = self._outs(self.plan.stages)
            transfer.place(self.project, [out for out in outs if out.hash_info])

    def up_to_date(self, candidate: Candidate, version: Version) -> tuple[Reason, str]:
        candidate.is_version(version)
        candidate.judge_again()
        what = candidate.what_became_of_it()
        record_lock(self.run, self.state, unless=version.lock_md5)
        if self.ran:
            return Reason.TRAINED, f"trained to the same result as before; {what}"
        data = why_nothing_is_new(self.project, self.plan, self.imports)
        return Reason.UP_TO_DATE, f"no stage had to run; {data}; {what}"

    def push(self) -> None:
        if self.project.writer is None:
            return
        self.report.step("push")
        outs = self._outs([*self.plan.stages, *self.plan.sources])
        transfer.push(self.project, outs)
        if self.project.stores.publishes:
            transfer.complete(self.project, outs)

    def measure(self) -> None:
        self.metrics = read_metrics(self.project, self.plan, self.loose_metrics)
        self.partial_result.metrics = self.metrics.named()

    def without_model(self) -> tuple[Reason, str]:
        if not self.ran:
            record_lock(self.run, self.state)
            return Reason.UP_TO_DATE, "no stage had to run; the spec names no model to register"
        self.push()
        self.record()
        return Reason.TRAINED, "trained; the spec names no model to register"

    def candidate(self, registry: MLflowRegistry) -> Candidate:
        return Candidate(
            execution=self.execution,
            run=self.run,
            registry=registry,
            project=self.project,
            plan=self.plan,
            model=self.model,
            metrics=self.metrics,
            state=self.state,
            uncommitted=self.uncommitted,
            environment=self.stage_environment,
            partial_result=self.partial_result,
            report=self.report,
        )

    def record(self) -> None:
        self.report.step("record")
        project, plan = self.project, self.plan
        of_it = (self.metrics, self.state, self.python, self.report)
        record_training(self.execution, self.run, project, plan, *of_it)
        self.children = self.child_runs.record(self.plan.stages, self.earlier_children)

    @cached_property
    def stage_environment(self) -> dict[str, str]:
        """The variables that give user code the right python and the tracking server."""
        choose = self.execution.stage_tracking_uri
        tracking_uri = choose(self.python.packages) if choose else self.execution.tracking_uri
        return {
            **self.execution.environment,
            **self.python.variables,
            "PYTHONUNBUFFERED": "1",
            # Beside the code it would change dependencies; a PYTHONPYCACHEPREFIX starts empty.
            "PYTHONDONTWRITEBYTECODE": "1",
            "MLFLOW_TRACKING_URI": tracking_uri,
        }

    @property
    def ran(self) -> bool:
        return any(stage.state == "Ran" for stage in self.partial_result.stages)

    def variables_of(self, stage: str) -> dict[str, str]:
        """With those that make its MLflow runs children of ours."""
        return self.child_runs.variables(stage, self.stage_environment, self.partial_result.commit)

    def _stage_ended(self, event: StageEnded) -> None:
        self.report.stage_ended(event.name, event.state, event.seconds)
        self.partial_result.stage_ended(event.name, event.state, event.seconds)
        if (result := event.result) is None:
            return
        self.done.add(event.name)
        self.written |= result.written
        self.loose_metrics |= set(result.metrics)
        if event.state == "Ran":
            transfer.push(self.project, event.outs)
            self.child_runs.hint(event.name)
            result = result.model_copy(update={"children": self.child_runs.of(event.name)})
        else:
            self.earlier_children.extend(result.children)
        if not event.stored:
            self.results.store(event.name, event.key, result)
        if event.state != "Unchanged":
            self._save_state()
        self.interruption.check()

    def _outs(self, names: Collection[str]) -> list[Output]:
        return [out for one in self.project.stages() if one.addressing in names for out in one.outs]

    def _save_state(self) -> None:
        self.state = capture_state(
            self.project,
            self.plan,
            environment=self.python.digest,
            params=self.params or list(parameter_files(self.project)),
            imports=[*self.imports, *self.edited],
            done=self.done,
            written=self.written,
            metrics=self.loose_metrics,
            commit=self.partial_result.commit,
        )
        if self.state != self._saved:
            self.run.require_current()
            keep_attempt(self.project, self.execution.uid, self.state)
            self._saved = self.state
        remote = without_userinfo(self.project.remote_url() or "")[:1024] or None
        self.partial_result.dvc = DVCState(lock_md5=self.state.lock_md5, remote=remote)
