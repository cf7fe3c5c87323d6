"""Puts the whole of a training into its MLflow run, and what later runs need onto its version."""

import tempfile
from dataclasses import replace
from pathlib import Path

from retrain_core.redact import without_userinfo
from retrain_core.spec import Promotion
from retrain_trainer.environment import PythonEnvironment
from retrain_trainer.execution import Execution
from retrain_trainer.naming import artifact_path
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.datasets import datasets
from retrain_trainer.pipeline.evaluation import evaluation_of
from retrain_trainer.pipeline.inputs import read_from
from retrain_trainer.pipeline.metrics import Metrics, as_json
from retrain_trainer.pipeline.model_file import ModelFile
from retrain_trainer.pipeline.params import used_params
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.plots import draw_plots, plot_files
from retrain_trainer.pipeline.project import Output, Project
from retrain_trainer.pipeline.state import LOCK, PipelineState
from retrain_trainer.registry import versions
from retrain_trainer.report import Reporter
from retrain_trainer.tracking import record
from retrain_trainer.tracking.run import TrackedRun, read_artifact

FOLDER = "retrain"
MAX_TAG = 100_000
"""Longer tags of a version are refused."""


def record_training(
    execution: Execution,
    run: TrackedRun,
    project: Project,
    plan: Plan,
    metrics: Metrics,
    state: PipelineState,
    python: PythonEnvironment,
    report: Reporter,
) -> None:
    """Parameters, metrics, plots, dvc.lock, datasets, environment and profile to MLflow."""
    record.record_params(run, used_params(project, plan))
    record.record_metrics(run, metrics.named())
    git = execution.spec.source.git
    for dataset in datasets(project, plan):
        source = {
            "path": dataset.name,
            "md5": dataset.digest,
            "from": without_userinfo(dataset.source),
            "repository": git.url if git else None,
            "remote": without_userinfo(project.remote_url() or ""),
        }
        record.record_dataset(run, dataset.name, dataset.digest, source)
    record.record_text(run, f"{FOLDER}/environment.json", python.document(execution.image))
    record_lock(run, state)
    if failed := _record_plots(run, project, plan, state):
        report.warn(f"plots that could not be drawn: {', '.join(failed)}")
    record_profile(execution, run, project)


def record_lock(run: TrackedRun, state: PipelineState, *, unless: str | None = None) -> None:
    """dvc.lock to MLflow, where a status names it by its MD5; that ``unless`` stands elsewhere."""
    if LOCK in state.locks and state.lock_md5 != unless:
        record.record_text(run, f"{FOLDER}/{LOCK}", state.locks[LOCK])


def version_tags(
    execution: Execution,
    project: Project,
    plan: Plan,
    *,
    model: ModelFile,
    metrics: Metrics,
    state: PipelineState,
    commit: str | None,
    uncommitted: str | None,
) -> dict[str, str]:
    """The tags of a new version: the chain from commit to metrics."""
    tags = {
        versions.JOB_UID: execution.uid,
        versions.LOCK_MD5: state.lock_md5 or "",
        versions.PIPELINE: state.pipeline or "",
        versions.ENVIRONMENT: state.environment,
        versions.MODEL_PATH: model.path,
        versions.MODEL_MD5: model.md5(project),
        versions.REMOTE: without_userinfo(project.remote_url() or ""),
    }
    if commit:
        tags[versions.COMMIT] = commit
    if uncommitted:
        tags |= {versions.DIRTY: "true", versions.UNCOMMITTED: uncommitted}
    promotion = execution.spec.model.promotion if execution.spec.model else None
    return tags | measure_tags(
        project, plan, model=model.out(project), metrics=metrics, promotion=promotion
    )


def measure_tags(
    project: Project,
    plan: Plan,
    *,
    model: Output,
    metrics: Metrics,
    promotion: Promotion | None,
) -> dict[str, str]:
    """The tags that say what a version was measured to be, and how."""
    found = metrics.find(promotion.metric) if promotion else None
    if promotion is None or found is None:
        return {versions.METRICS: _metrics_tag({}, metrics.named())}
    evaluation = evaluation_of(project, plan, model, found[0])
    return {
        versions.EVALUATION: evaluation.identity,
        versions.EVALUATION_DATA: evaluation.data,
        versions.FEATURES: evaluation.features,
        versions.METRICS: _metrics_tag({promotion.metric: found[1]}, metrics.named()),
    }


def _metrics_tag(compared: dict[str, float], values: dict[str, float]) -> str:
    """As many metrics as fit into a tag, and in any case those that are ``compared``."""
    names = sorted(values)
    while len(text := as_json({name: values[name] for name in names} | compared)) > MAX_TAG:
        names = names[: len(names) // 2]
    return text


def _record_plots(run: TrackedRun, project: Project, plan: Plan, state: PipelineState) -> list[str]:
    """Log the plots; returns the names of those that could not be drawn."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "plots"
        failed = draw_plots(project, plan, state.written, target)
        pictures = [(file, file.name) for file in sorted(target.iterdir())]
        record.record_files(run, "plots", pictures)
    files = [(path, artifact_path(str(path))) for path in plot_files(project, plan)]
    record.record_files(run, "plots/data", files)
    return failed


def record_profile(execution: Execution, run: TrackedRun, project: Project) -> None:
    """Log the profile of the data that the spec names, which later drift is judged against."""
    spec = execution.spec.model.profile if execution.spec.model else None
    if spec is None:
        return
    # Brings pandas, which a run with nothing to do is spared.
    from retrain_trainer import profile

    path = (project.path / spec.path).absolute()
    transfer.place(
        project, [out for out in read_from(str(path), project.producers()) if out.hash_info]
    )
    table = profile.read_table(path, spec.path)
    content = profile.profile(table, spec)
    record.record_text(run, f"{FOLDER}/profile.json", profile.as_json(content))


def complete_profile(
    execution: Execution, run: TrackedRun, project: Project, earlier: str | None
) -> None:
    """Log the profile to the ``earlier`` run whose state this is, if that has none."""
    wanted = execution.spec.model is not None and execution.spec.model.profile is not None
    if not wanted or earlier is None:
        return
    if read_artifact(run.client, run.tracking_uri, earlier, f"{FOLDER}/profile.json") is None:
        record_profile(execution, replace(run, run_id=earlier), project)
