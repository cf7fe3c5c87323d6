"""The one model of each kind: the same in the operator, in the pod and on the command line."""

from retrain_core.spec.base import API_VERSION, GROUP, VERSION
from retrain_core.spec.manifest import (
    ManifestError,
    Problem,
    RetrainSchedule,
    TrainingRun,
    parse_retrain_schedule,
    parse_training_run,
)
from retrain_core.spec.retrain_schedule import RetrainScheduleSpec, Trigger
from retrain_core.spec.training_run import (
    DVC,
    GitSource,
    MLflow,
    Model,
    Promotion,
    Remote,
    Smoke,
    TrainingRunSpec,
)

__all__ = [
    "API_VERSION",
    "DVC",
    "GROUP",
    "VERSION",
    "GitSource",
    "MLflow",
    "ManifestError",
    "Model",
    "Problem",
    "Promotion",
    "Remote",
    "RetrainSchedule",
    "RetrainScheduleSpec",
    "Smoke",
    "TrainingRun",
    "TrainingRunSpec",
    "Trigger",
    "parse_retrain_schedule",
    "parse_training_run",
]
