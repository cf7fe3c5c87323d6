"""Measures another version as the evaluation of today's pipeline does, once for each measure."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from retrain_trainer.pipeline.champion import NotComparableError, measure, stored_model
from retrain_trainer.pipeline.evaluation import Evaluation, evaluation_of
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Output, Project
from retrain_trainer.pipeline.records import find_record
from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.versions import (
    EVALUATION_DATA,
    FEATURES,
    JOB_UID,
    MEASURED,
    Version,
)
from retrain_trainer.report import Reporter

MEASURES_KEPT = 20
"""Of a version; each is a measure on other data."""


@dataclass(frozen=True)
class ChampionMeter:
    """What measuring needs."""

    registry: MLflowRegistry
    project: Project
    plan: Plan
    model: Output
    metric: str
    metrics_file: str
    remember: bool
    """Whether a measure that was taken before counts."""
    python: str
    """Digest of the environment of the stages."""
    environment: Mapping[str, str]
    report: Reporter
    scratch: Path

    def measure(self, other: Version) -> tuple[float | None, str]:
        """The metric of ``other`` today, or None and why there is none.

        Raises:
            RunFailed: what may go well another time.
        """
        kept = _kept(other)
        if self.remember and self._identity in kept:
            return kept[self._identity], ""
        try:
            value = self._measure(other)
        except NotComparableError as error:
            return None, str(error)
        kept = {key: kept[key] for key in list(kept)[1 - MEASURES_KEPT :]}
        text = json.dumps(kept | {self._identity: value})
        self.registry.tag(other.number, {MEASURED: text})
        return value, ""

    @cached_property
    def _evaluation(self) -> Evaluation:
        return evaluation_of(self.project, self.plan, self.model, self.metrics_file)

    @cached_property
    def _identity(self) -> str:
        parts = (self._evaluation.identity, self.python, self.metrics_file, self.metric)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _measure(self, other: Version) -> float:
        if self._evaluation.why_not:
            raise NotComparableError(self._evaluation.why_not)
        self._refuse_foreign_features(other)
        self.report.note(f"evaluating version {other.number} on today's data")
        return measure(
            self.project,
            self._evaluation,
            model=self.model,
            other=self._bytes(other),
            metric=self.metric,
            metrics_file=self.metrics_file,
            scratch=self.scratch / f"project-{other.number}",
            environment=self.environment,
        )

    def _refuse_foreign_features(self, other: Version) -> None:
        """What feature stages make today is for today's model, unless they are the same."""
        today = self._evaluation
        if JOB_UID not in other.tags:
            raise NotComparableError(
                "it was not registered by Retrain, so that nothing is known of its pipeline"
            )
        if other.tags.get(FEATURES) == today.features:
            return
        if today.features and other.tags.get(EVALUATION_DATA) != today.data:
            names = ", ".join(today.feature_stages)
            raise NotComparableError(
                f"what the evaluation reads is made by {names}, with another command, code or"
                " parameters than for that version: its model does not know such features"
            )

    def _bytes(self, other: Version) -> Path:
        """The model of ``other``, from the DVC store, as its record there names it.

        What MLflow has instead can be anybody's, and loading a model can be running code.
        """
        record = find_record(self.project, other.record) if other.record else None
        if record is None:
            raise NotComparableError("the DVC store has no record of it: it may be a stranger's")
        target = self.scratch / f"v{other.number}" / Path(self.model.fs_path).name
        if not stored_model(self.project, self.model, record.model_output, target):
            raise NotComparableError("its model is not in the DVC store")
        return target


def _kept(version: Version) -> dict[str, float]:
    """Measures of ``version`` by their identity; what makes no sense is left out."""
    try:
        message = json.loads(version.tags.get(MEASURED, "{}"))
        found = {str(key): float(value) for key, value in message.items()}
    except (ValueError, TypeError, AttributeError):
        return {}
    return {key: value for key, value in found.items() if math.isfinite(value)}
