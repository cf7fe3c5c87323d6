"""The version that serves, and the profile of its training data."""

from dataclasses import dataclass

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import TrainingRunSpec
from retrain_core.verdict.finding import Finding
from retrain_trainer.check.context import NotSeen
from retrain_trainer.check.reference import Reference, parse_reference
from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.tracking.client import MlflowClient, connect
from retrain_trainer.tracking.run import read_artifact

DEFAULT_ALIAS = "champion"
PROFILE = "retrain/profile.json"


@dataclass(frozen=True)
class Champion:
    """The holder of the alias."""

    client: MlflowClient
    tracking_uri: str
    version: int
    run_id: str
    reference: Reference


def find_champion(run: TrainingRunSpec, tracking_uri: str | None) -> Champion:
    """The champion of ``run.model``.

    Raises:
        NotSeen: NoChampion, NoProfile.
        RunFailed: InvalidSpec, or the tracking server.
    """
    if run.model is None:
        raise RunFailed(
            Reason.INVALID_SPEC, "model is not set: drift is judged against its champion's data"
        )
    if not tracking_uri:
        raise RunFailed(
            Reason.INVALID_SPEC, "mlflow.trackingURI: is not set, and there is no default"
        )
    client = connect(tracking_uri)
    registry = MLflowRegistry(client, tracking_uri, run.model.name)
    alias = run.model.promotion.alias if run.model.promotion else DEFAULT_ALIAS
    number = registry.holder(alias)
    if number is None:
        message = f"no version of {run.model.name} has the alias {alias}"
        raise NotSeen(Finding.NO_CHAMPION, message)
    run_id = registry.get(number).training_run
    text = read_artifact(client, tracking_uri, run_id, PROFILE) if run_id else None
    if run_id is None or text is None:
        message = f"version {number} of {run.model.name} has no profile of its training data"
        raise NotSeen(Finding.NO_PROFILE, message)
    return Champion(client, tracking_uri, number, run_id, parse_reference(text, number))
