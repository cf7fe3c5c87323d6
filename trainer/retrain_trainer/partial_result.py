"""What is known of a run so far: the result is made from it, whenever the run ends."""

from dataclasses import dataclass, field
from itertools import islice

from retrain_core.outcome import Reason
from retrain_core.result import (
    MAX_BYTES,
    MAX_LINE,
    MAX_METRICS,
    MAX_STAGES,
    MAX_WORD,
    DVCState,
    Metric,
    MLflowRun,
    ModelVersion,
    Result,
    Stage,
    StageState,
)


@dataclass(frozen=True)
class VersionContent:
    """What a registered version holds."""

    files: tuple[str, ...]
    """Files and folders at its top."""
    pyfunc: bool = False
    """Whether it is a model of MLflow's that any Python can be given."""


@dataclass
class PartialResult:
    """Filled in by the steps."""

    commit: str | None = None
    mlflow: MLflowRun | None = None
    stages: list[Stage] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    dvc: DVCState | None = None
    model: ModelVersion | None = None
    champion_metrics: dict[str, float] = field(default_factory=dict)
    """With ``content`` for the table on a laptop; not part of the result."""
    content: VersionContent | None = None

    def stage_ended(self, name: str, state: StageState, seconds: float) -> None:
        self.stages.append(
            Stage(name=_text(name, MAX_WORD), state=state, seconds=round(seconds, 2))
        )

    def result(
        self, reason: Reason | None = None, message: str = "", remedy: str | None = None
    ) -> Result:
        """The result as it stands; what a repository names can be of any length."""
        return Result(
            reason=reason,
            message=_text(message, MAX_BYTES),
            remedy=_text(remedy, MAX_LINE) if remedy else None,
            commit=self.commit,
            mlflow=self.mlflow,
            stages=self.stages[:MAX_STAGES],
            metrics=[
                Metric(name=_text(name, MAX_WORD), value=repr(value))
                for name, value in islice(self.metrics.items(), MAX_METRICS)
            ],
            dvc=self.dvc,
            model=self.model,
        )


def _text(value: str, longest: int) -> str:
    """``value`` as text that can be encoded: a file's name need not be UTF-8."""
    return value.encode("utf-8", "replace").decode()[:longest]
