"""`retrain run --smoke`: the whole pipeline on little data, for CI.

Deterministic, in seconds, without credentials; nothing is recorded, pushed or registered.
"""

import hashlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from retrain_cli.home import Home
from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Smoke, TrainingRun
from retrain_trainer import environment
from retrain_trainer.interrupt import Interruption
from retrain_trainer.job import Job, LocalStores
from retrain_trainer.pipeline.imports import update_imports
from retrain_trainer.pipeline.metrics import read_metrics
from retrain_trainer.pipeline.model import model_output
from retrain_trainer.pipeline.original import replace_input
from retrain_trainer.pipeline.params import override_params
from retrain_trainer.pipeline.project import open_project
from retrain_trainer.pipeline.stages import ALL, Execution, StageStarted, plan_stages, run_stages
from retrain_trainer.pipeline.state import LOCK, forget_stages
from retrain_trainer.progress import Progress
from retrain_trainer.report import Reporter

STATE = "smoke"


def smoke(
    run: TrainingRun, home: Home, progress: Progress, report: Reporter, interruption: Interruption
) -> tuple[Reason, str]:
    """Train on spec.smoke's inputs and parameters; returns how it ended.

    Raises:
        RunFailed: SmokeFailed where a stage fails; other reasons as a real run would have them.
    """
    began = time.monotonic()
    project_folder, _, original = home.copy_project()
    state = home.folder / STATE
    shutil.rmtree(state, ignore_errors=True)
    spec = run.spec
    _replace_inputs(project_folder, spec.smoke)
    forget_stages(project_folder / LOCK)
    job = Job(
        name=run.metadata.name or "smoke",
        uid="smoke",
        spec=spec,
        project=project_folder,
        state=state,
        tracking_uri="",
        local=LocalStores(original=original, write=state / "remote"),
    )
    project = open_project(job)
    plan = plan_stages(project, spec.dvc.targets, ())
    if spec.model is not None:
        model_output(project, plan, spec.model)
    override_params(project, spec.dvc.params, "spec.dvc.params")
    override_params(project, spec.smoke.params, "spec.smoke.params")
    update_imports(project, (), plan)
    python = environment.inspect()
    execution = Execution(
        _environment(python.search_path, state), interruption, report, run_cache=False
    )
    try:
        for event in run_stages(project, plan, {ALL}, execution):
            if isinstance(event, StageStarted):
                report.stage_started(event.name, event.number, event.total)
                continue
            report.stage_ended(event.name, event.state, event.seconds)
            progress.stage_ended(event.name, event.state, event.seconds)
        metrics = read_metrics(project)
        progress.metrics = metrics.named()
        if spec.model is not None and spec.model.promotion is not None:
            metrics.require(spec.model.promotion.metric)
    except RunFailed as failure:
        if failure.reason in (Reason.DATA_MISSING, Reason.CANCELLED):
            raise
        raise RunFailed(Reason.SMOKE_FAILED, f"{failure.reason}: {failure.message}") from failure
    digest = hashlib.sha256(repr(sorted(progress.metrics.items())).encode()).hexdigest()[:12]
    return Reason.SMOKE_PASSED, (
        f"{_count(len(plan.stages), 'stage')} in {time.monotonic() - began:.1f} s;"
        f" metrics {digest}; nothing was recorded or registered"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _replace_inputs(project: Path, smoke: Smoke) -> None:
    for target, source in smoke.inputs.items():
        if not (project / source).is_file():
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"spec.smoke.inputs.{target}: there is no {source} in the repository",
            )
        replace_input(project, target, project / source)


def _environment(search_path: str, state: Path) -> Mapping[str, str]:
    """Code that logs to MLflow logs to a folder that is thrown away."""
    return {
        "PATH": search_path,
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "MLFLOW_TRACKING_URI": (state / "mlruns").as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "RETRAIN_SMOKE": "true",
    }
