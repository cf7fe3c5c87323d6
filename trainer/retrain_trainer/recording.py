"""Puts the whole of a training into its MLflow run, and what later runs need onto its version."""

import tempfile
from pathlib import Path

from retrain_core.redact import without_userinfo
from retrain_trainer.environment import PythonEnvironment
from retrain_trainer.job import Job
from retrain_trainer.naming import artifact_path
from retrain_trainer.pipeline import objects
from retrain_trainer.pipeline.metrics import Metrics, as_json, read_metrics
from retrain_trainer.pipeline.model import datasets, evaluation_data
from retrain_trainer.pipeline.params import used_params
from retrain_trainer.pipeline.plots import draw_plots, plot_files
from retrain_trainer.pipeline.project import Output, Project
from retrain_trainer.pipeline.stages import Plan
from retrain_trainer.pipeline.state import LOCK, PipelineState
from retrain_trainer.registry import versions
from retrain_trainer.report import Reporter
from retrain_trainer.tracking import record
from retrain_trainer.tracking.run import TrackedRun

FOLDER = "retrain"
MAX_TAG = 100_000
"""Longer tags of a version are refused."""


def record_training(
    job: Job,
    run: TrackedRun,
    project: Project,
    plan: Plan,
    state: PipelineState,
    python: PythonEnvironment,
    report: Reporter,
) -> None:
    """Parameters, metrics, plots, dvc.lock, datasets, environment and profile to MLflow."""
    record.record_params(run, used_params(project))
    record.record_metrics(run, read_metrics(project).named())
    git = job.spec.source.git
    for dataset in datasets(project, plan):
        source = {
            "path": dataset.name,
            "md5": dataset.digest,
            "from": without_userinfo(dataset.source),
            "repository": git.url if git else None,
            "remote": without_userinfo(project.remote_url() or ""),
        }
        record.record_dataset(run, dataset.name, dataset.digest, source)
    record.record_text(run, f"{FOLDER}/environment.json", python.document(job.image))
    if LOCK in state.locks:
        record.record_text(run, f"{FOLDER}/{LOCK}", state.locks[LOCK])
    if failed := _record_plots(run, project):
        report.warn(f"plots that could not be drawn: {', '.join(failed)}")
    _record_profile(job, run, project)
    run.write_state(state.model_dump_json())


def version_tags(
    job: Job,
    project: Project,
    plan: Plan,
    *,
    model: Output,
    metrics: Metrics,
    state: PipelineState,
    commit: str | None,
) -> dict[str, str]:
    """The tags of a new version: the chain from commit to metrics."""
    tags = {
        versions.JOB_UID: job.uid,
        versions.LOCK_MD5: state.lock_md5 or "",
        versions.ENVIRONMENT: state.environment,
        versions.MODEL_PATH: project.relative(model.fs_path),
        versions.REMOTE: without_userinfo(project.remote_url() or ""),
    }
    if commit:
        tags[versions.COMMIT] = commit
    promotion = job.spec.model.promotion if job.spec.model else None
    found = metrics.find(promotion.metric) if promotion else None
    if found:
        tags[versions.EVALUATION_DATA] = evaluation_data(project, plan, model, found[0])
    compared = {promotion.metric: found[1]} if promotion and found else {}
    tags[versions.METRICS] = _metrics_tag(compared, metrics.named())
    return tags


def _metrics_tag(compared: dict[str, float], values: dict[str, float]) -> str:
    """As many metrics as fit into a tag, and in any case those that are ``compared``."""
    names = sorted(values)
    while len(text := as_json({name: values[name] for name in names} | compared)) > MAX_TAG:
        names = names[: len(names) // 2]
    return text


def _record_plots(run: TrackedRun, project: Project) -> list[str]:
    """Log the plots; returns the names of those that could not be drawn."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "plots"
        failed = draw_plots(project, target)
        pictures = [(file, file.name) for file in sorted(target.iterdir())]
        record.record_files(run, "plots", pictures)
    files = [(path, artifact_path(str(path))) for path in plot_files(project)]
    record.record_files(run, "plots/data", files)
    return failed


def _record_profile(job: Job, run: TrackedRun, project: Project) -> None:
    spec = job.spec.model.profile if job.spec.model else None
    if spec is None:
        return
    # Brings pandas, which a run with nothing to do is spared.
    from retrain_trainer import profile

    path = project.path / spec.path
    out = project.producers().get(str(path))
    if out is not None:
        objects.place(project, [out])
    table = profile.read_table(path, spec.path)
    content = profile.profile(table, spec)
    record.record_text(run, f"{FOLDER}/profile.json", profile.as_json(content))
