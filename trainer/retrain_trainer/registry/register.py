"""Registers the model of a run: the point after which the training is never repeated."""

from collections.abc import Collection, Sequence
from pathlib import Path

from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.versions import JOB_UID, RUN_ID, Version
from retrain_trainer.tracking.client import tracking_errors
from retrain_trainer.tracking.run import TrackedRun

FOLDER = "model"


def registered_by(versions: Sequence[Version], run_ids: Collection[str]) -> list[Version]:
    """The versions that code registered in these MLflow runs, oldest first."""
    return [version for version in versions if version.run_id in run_ids]


def register(
    registry: MLflowRegistry,
    run: TrackedRun,
    model: Path,
    tags: dict[str, str],
    children: Collection[str] = (),
) -> Version:
    """The version of ``run``: an earlier attempt's, one that its code registered, else a new one.

    ``model`` is the file or folder that becomes the version's content; ``children`` are the ids
    of the MLflow runs of the stages' code, those of an earlier training too where a stage was
    restored.
    """
    known = registry.versions()
    tags = tags | {RUN_ID: run.run_id}
    if own := [version for version in known if version.training_run == run.run_id]:
        registry.tag(own[-1].number, tags)
        return registry.get(own[-1].number)
    if by_code := registered_by(known, children):
        latest = by_code[-1]
        if JOB_UID in latest.tags:
            # It is an earlier training's: the same model, with another record.
            return registry.create_again(latest.number, tags)
        registry.tag(latest.number, tags)
        return registry.get(latest.number)
    with tracking_errors(run.tracking_uri):
        # MLflow registers any address unchecked: the content is there before the version.
        if model.is_dir():
            run.client.log_artifacts(run.run_id, str(model), FOLDER)
        else:
            run.client.log_artifact(run.run_id, str(model), FOLDER)
    registry.ensure()
    return registry.create(f"runs:/{run.run_id}/{FOLDER}", run.run_id, tags)
