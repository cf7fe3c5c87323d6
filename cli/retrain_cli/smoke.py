"""`retrain run --smoke`: the whole pipeline on little data, for CI.

Deterministic, in seconds, without credentials; nothing is recorded, pushed or registered.
"""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

from retrain_cli.home import Home
from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import TrainingRun
from retrain_trainer import environment
from retrain_trainer.execution import Execution, LocalStores, WorkTree
from retrain_trainer.interrupt import Interruption
from retrain_trainer.partial_result import PartialResult
from retrain_trainer.pipeline.imports import update_imports
from retrain_trainer.pipeline.metrics import read_metrics
from retrain_trainer.pipeline.model_file import find_model
from retrain_trainer.pipeline.params import check_params, override_params
from retrain_trainer.pipeline.plan import ALL, plan_stages
from retrain_trainer.pipeline.project import enter_project
from retrain_trainer.pipeline.smoke_inputs import replace_inputs
from retrain_trainer.pipeline.stages import StageContext, StageStarted, run_stages
from retrain_trainer.pipeline.state import LOCK, forget_stages
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.hints import advised
from retrain_trainer.work_tree import take_work_tree


def smoke(
    run: TrainingRun,
    home: Home,
    partial_result: PartialResult,
    report: Reporter,
    interruption: Interruption,
) -> tuple[Reason, str]:
    """Train on spec.smoke's inputs and parameters; returns how it ended.

    Raises:
        RunFailed: SmokeFailed where a stage fails; other reasons as a real run would have them.
    """
    began = time.monotonic()
    copy = home.copy_for_smoke()
    state = home.smoke
    spec = run.spec
    forget_stages(copy.project / LOCK)
    execution = Execution(
        name=run.metadata.name or "smoke",
        uid="smoke",
        spec=spec,
        project=copy.project,
        state=state,
        tracking_uri="",
        local=LocalStores(original=copy.dvc_root, write=state / "remote"),
        work_tree=WorkTree(copy.dvc_root, copy.uncommitted),
    )
    project = enter_project(execution)
    replaced = replace_inputs(project, spec.smoke.inputs, copy.dvc_root)
    override_params(project, spec.dvc.params, "spec.dvc.params")
    project.repo._reset()
    override_params(project, spec.smoke.params, "spec.smoke.params")
    project.repo._reset()
    plan = plan_stages(project, spec.dvc.targets, ())
    check_params(project, plan)
    take_work_tree(execution, project, report, set(plan.sources) - replaced)
    if spec.model is not None:
        find_model(project, plan, spec.model)
    update_imports(project, (), plan)
    python = environment.inspect()
    variables = _environment(python.variables, state)
    context = StageContext(lambda _: variables, interruption, report)
    written: set[str] = set()
    try:
        for event in run_stages(project, plan, {ALL}, context):
            if isinstance(event, StageStarted):
                report.stage_started(event.name, event.number, event.total)
                continue
            report.stage_ended(event.name, event.state, event.seconds)
            partial_result.stage_ended(event.name, event.state, event.seconds)
            written |= set(event.result.metrics) if event.result else set()
        metrics = read_metrics(project, plan, written)
        partial_result.metrics = metrics.named()
        if spec.model is not None and spec.model.promotion is not None:
            metrics.require(spec.model.promotion.metric)
    except RunFailed as failure:
        if failure.reason in (Reason.DATA_MISSING, Reason.CANCELLED):
            raise
        message = f"{failure.reason}: {advised(failure).message}"
        raise RunFailed(Reason.SMOKE_FAILED, message, failure.remedy) from failure
    digest = hashlib.sha256(repr(sorted(partial_result.metrics.items())).encode()).hexdigest()[:12]
    return Reason.SMOKE_PASSED, (
        f"{_count(len(plan.stages), 'stage')} in {time.monotonic() - began:.1f} s;"
        f" metrics {digest}; nothing was recorded or registered"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _environment(python: Mapping[str, str], state: Path) -> Mapping[str, str]:
    """Code that logs to MLflow logs to a folder that is thrown away, whatever the shell says."""
    return {
        **python,
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "MLFLOW_TRACKING_URI": (state / "mlruns").as_uri(),
        "MLFLOW_ALLOW_FILE_STORE": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "RETRAIN_SMOKE": "true",
    }
