"""Registers the model of a run: the point after which the training is never repeated."""

from pathlib import Path

from retrain_trainer.registry.versions import MLflowRegistry, Version
from retrain_trainer.tracking.client import tracking_errors
from retrain_trainer.tracking.run import TrackedRun

FOLDER = "model"


def register(
    registry: MLflowRegistry, run: TrackedRun, model: Path, tags: dict[str, str]
) -> Version:
    """The version of ``run``: an earlier attempt's or user code's own, else a new one.

    ``model`` is the file or folder that becomes the version's content.
    """
    own = [version for version in registry.versions() if version.run_id == run.run_id]
    if own:
        registry.tag(own[-1].number, tags)
        return registry.get(own[-1].number)
    with tracking_errors(run.tracking_uri):
        # MLflow registers any address unchecked: the content is there before the version.
        if model.is_dir():
            run.client.log_artifacts(run.run_id, str(model), FOLDER)
        else:
            run.client.log_artifact(run.run_id, str(model), FOLDER)
    registry.ensure()
    return registry.create(f"runs:/{run.run_id}/{FOLDER}", run.run_id, tags)
