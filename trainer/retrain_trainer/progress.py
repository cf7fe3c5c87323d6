"""What has come of a run so far: the result is made from it, whenever the run ends."""

from dataclasses import dataclass, field

from retrain_core.outcome import Reason
from retrain_core.result import DVCState, Metric, MLflowRun, ModelVersion, Result, Stage


@dataclass
class Progress:
    """Filled in by the steps."""

    commit: str | None = None
    mlflow: MLflowRun | None = None
    stages: list[Stage] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    dvc: DVCState | None = None
    model: ModelVersion | None = None
    champion_metrics: dict[str, float] = field(default_factory=dict)
    """With ``model_file`` for the table on a laptop; not part of the result."""
    model_file: str | None = None
    """Name of the model's file; None where it is a folder."""

    def result(self, reason: Reason | None = None, message: str = "") -> Result:
        """The result as it stands."""
        return Result(
            reason=reason,
            message=message[:4096],
            commit=self.commit,
            mlflow=self.mlflow,
            stages=self.stages,
            metrics=[
                Metric(name=name[:256], value=repr(value)) for name, value in self.metrics.items()
            ],
            dvc=self.dvc,
            model=self.model,
        )
