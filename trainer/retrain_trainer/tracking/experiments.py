"""The MLflow experiment of a training, and where artifacts of experiments are kept."""

from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.execution import Execution
from retrain_trainer.tracking.client import values_of
from retrain_trainer.tracking.locations import artifact_root, local_path

_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Without it MLflow's pages guess, and may show the evaluations of a language model."""
_ON_THE_SERVER = (
    "a folder that only the server has: start `mlflow server` with --artifacts-destination, or name"
    " an experiment with artifacts where we can write"
)
_IN_THE_PROJECT = "inside the project: name another experiment, or delete this one for good"


def experiment_of(client: MlflowClient, execution: Execution) -> str:
    """The id of the job's experiment, created if there is none.

    Raises:
        RunFailed: InvalidSpec if it was deleted, or keeps its artifacts where they are lost.
        MlflowException: the server's.
    """
    name = execution.experiment
    if (experiment := client.get_experiment_by_name(name)) is None:
        root = artifact_root(execution.tracking_uri)
        location = f"{root}/{quote(name, safe='')}" if root else None
        try:
            with values_of("spec.mlflow.experiment"):
                client.create_experiment(name, location, tags=_KIND)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        experiment = client.get_experiment_by_name(name)
    if experiment is None or experiment.lifecycle_stage != "active":
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.mlflow.experiment: {name} was deleted in MLflow: restore it or name another",
        )
    refuse_losing_artifacts(experiment, execution)
    return str(experiment.experiment_id)


def refuse_losing_artifacts(experiment: Experiment, execution: Execution) -> None:
    """Refuse an experiment whose artifacts would end with the pod, or with the copy of a project.

    Raises:
        RunFailed: InvalidSpec.
    """
    path = local_path(experiment.artifact_location or "")
    if path is None:
        return
    root = artifact_root(execution.tracking_uri)
    if root is None:
        # What a client writes there the server reads only where both see the same folder.
        lost = "" if path.parent.is_dir() else _ON_THE_SERVER
    else:
        kept = local_path(root)
        ours = kept is not None and path.is_relative_to(kept)
        project = execution.local.original if execution.local else execution.project
        lost = _IN_THE_PROJECT if not ours and path.is_relative_to(project) else ""
    if lost:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.mlflow.experiment: {experiment.name} keeps its artifacts in {path}, {lost}",
        )
