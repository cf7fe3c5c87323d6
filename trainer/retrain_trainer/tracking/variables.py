"""The variables by which MLflow in a stage knows the training that it is part of. Pure."""

import json
from collections.abc import MutableMapping
from dataclasses import dataclass

CONTEXT = "MLFLOW_RUN_CONTEXT"
"""MLflow puts the tags in this JSON object on every run that code starts, whatever way."""
PREFIX = "retrain.dev"
PARENT = f"{PREFIX}/parent"
"""As mlflow.parentRunId, which a nested run has of its own."""
STAGE = f"{PREFIX}/stage"
ATTEMPT = f"{PREFIX}/attempt"
PARENT_RUN_ID = "mlflow.parentRunId"
CHOOSING = (
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_REGISTRY_URI",
)
"""Variables that lead what code logs to a run, an experiment or a registry of its caller."""


@dataclass(frozen=True)
class Parent:
    """The run of a training, as its stages are told of it."""

    run_id: str
    experiment: str
    name: str
    attempt: int
    commit: str | None = None


def stage_variables(parent: Parent, stage: str, given: str | None = None) -> dict[str, str]:
    """What makes each MLflow run that ``stage`` starts a child of ``parent``.

    ``given`` is the value that MLFLOW_RUN_CONTEXT has already: its tags stay, but for ours.
    """
    ours = {
        PARENT_RUN_ID: parent.run_id,
        PARENT: parent.run_id,
        STAGE: stage,
        ATTEMPT: str(parent.attempt),
        "mlflow.runName": f"{parent.name}/{stage}",
    }
    if parent.commit:
        ours["mlflow.source.git.commit"] = parent.commit
    return {
        CONTEXT: json.dumps(_tags(given) | ours),
        # For code that chooses no experiment. An id would be unknown where it chooses a store.
        "MLFLOW_EXPERIMENT_NAME": parent.experiment,
    }


def forget_choices(environment: MutableMapping[str, str]) -> None:
    """Take out what would lead the stages' code away from the training's run.

    It must be done in our own variables: DVC can add to those of a stage, and take none away.
    """
    for name in CHOOSING:
        environment.pop(name, None)


def _tags(given: str | None) -> dict[str, str]:
    try:
        content = json.loads(given or "{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
