"""Registers the model of a run: the point after which the training is never repeated."""

from collections.abc import Collection, Sequence
from pathlib import Path

from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.versions import (
    DUPLICATE,
    ENVIRONMENT,
    JOB_UID,
    LOCK_MD5,
    MODEL_MD5,
    RECORD,
    RUN_ID,
    Version,
)
from retrain_trainer.tracking.client import tracking_errors
from retrain_trainer.tracking.run import TrackedRun

FOLDER = "model"
_CONTENT = (LOCK_MD5, ENVIRONMENT, MODEL_MD5)


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
    restored. A version of an earlier attempt that came to something else is left as it is: of two
    versions of one run the first counts, and the others are marked as its duplicates.
    """
    tags = tags | {RUN_ID: run.run_id}
    known = registry.versions()
    own = _of(run, known)
    alike = [version for version in own if _same_content(version, tags)]
    if alike:
        mine = alike[0].number
        registry.tag(mine, tags)
    else:
        folder = f"{FOLDER}-{tags.get(RECORD, '')[:12]}" if own else FOLDER
        mine = _new(registry, run, model, tags, registered_by(known, children), folder).number
    # Another attempt may have looked before this one wrote: whoever looks last sees both.
    first, *others = _of(run, registry.versions())
    for version in others:
        if not version.duplicate:
            registry.tag(version.number, {DUPLICATE: str(first.number)})
    return registry.get(mine)


def _new(
    registry: MLflowRegistry,
    run: TrackedRun,
    model: Path,
    tags: dict[str, str],
    by_code: Sequence[Version],
    folder: str,
) -> Version:
    if by_code:
        latest = by_code[-1]
        if JOB_UID in latest.tags:
            # It is an earlier training's: the same model, with another record.
            return registry.create_again(latest.number, tags)
        registry.tag(latest.number, tags)
        return latest
    with tracking_errors(run.tracking_uri):
        # MLflow registers any address unchecked: the content is there before the version.
        if model.is_dir():
            run.client.log_artifacts(run.run_id, str(model), folder)
        else:
            run.client.log_artifact(run.run_id, str(model), folder)
    registry.ensure()
    return registry.create(f"runs:/{run.run_id}/{folder}", run.run_id, tags)


def _of(run: TrackedRun, versions: Sequence[Version]) -> list[Version]:
    return [version for version in versions if version.training_run == run.run_id]


def _same_content(version: Version, tags: dict[str, str]) -> bool:
    return all(version.tags.get(key) == tags.get(key) for key in _CONTENT)
