"""The promotion of a run's version: the champion measured where it must be, the decision kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retrain_core.verdict.promotion import PromotionReason
from retrain_trainer.job import Job
from retrain_trainer.pipeline.champion import NotComparableError, measure
from retrain_trainer.pipeline.metrics import Metrics
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Output, Project
from retrain_trainer.progress import Progress
from retrain_trainer.registry.promote import Decision, promote, record_decision
from retrain_trainer.registry.versions import DECISION, MLflowRegistry, Version
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.pictures import comparison_svg
from retrain_trainer.tracking.record import record_text
from retrain_trainer.tracking.run import TrackedRun


@dataclass(frozen=True)
class Promoter:
    """Everything that a promotion looks at."""

    job: Job
    run: TrackedRun
    project: Project
    plan: Plan
    model: Output
    metrics: Metrics
    environment: Mapping[str, str]
    report: Reporter
    scratch: Path

    def promote(self, registry: MLflowRegistry, version: Version, progress: Progress) -> None:
        """Decide on ``version`` and write what came of it into ``progress``.

        Raises:
            RunFailed: MetricNotFound or MetricNotFinite; the version stays registered.
        """
        spec = self.job.spec.model
        assert spec is not None
        if spec.promotion is None:
            registry.tag(version.number, {DECISION: str(PromotionReason.NO_PROMOTION)})
            return
        file, _ = self.metrics.require(spec.promotion.metric)

        def measured(other: Version) -> tuple[float | None, str]:
            return self._measure(registry, other, spec.promotion.metric, file)  # type: ignore[union-attr]

        decision = promote(registry, version, spec.promotion, measured)
        record_decision(registry, version.number, decision)
        self._tell(registry, decision, version, progress)

    def _measure(
        self, registry: MLflowRegistry, other: Version, metric: str, file: str
    ) -> tuple[float | None, str]:
        self.report.note(f"evaluating version {other.number} on today's data")
        try:
            folder = registry.download(other.number, self.scratch / f"v{other.number}")
            value = measure(
                self.project,
                self.plan,
                model=self.model,
                other=_content(folder, Path(self.model.fs_path)),
                metric=metric,
                metrics_file=file,
                scratch=self.scratch / f"project-{other.number}",
                environment=self.environment,
            )
        except NotComparableError as error:
            self.report.warn(f"version {other.number} cannot be evaluated on today's data: {error}")
            return None, str(error)
        return value, ""

    def _tell(
        self,
        registry: MLflowRegistry,
        decision: Decision,
        version: Version,
        progress: Progress,
    ) -> None:
        made = progress.model
        assert made is not None
        previous = decision.previous if decision.previous != version.number else None
        progress.model = made.model_copy(
            update={
                "promoted": decision.promoted,
                "reason": f"{decision.reason}: {decision.message}"[:1024],
                "previous_version": str(previous) if previous is not None else None,
                "candidate_metric": _text(decision.candidate),
                "champion_metric": _text(decision.champion),
            }
        )
        if previous is None:
            return
        metric = self.job.spec.model.promotion.metric  # type: ignore[union-attr]
        champion = registry.get(previous).metrics
        if decision.champion is not None:
            champion[metric] = decision.champion
        progress.champion_metrics = champion
        picture = comparison_svg(
            f"{registry.name}: {decision.reason}",
            self.metrics.named(),
            champion,
            (f"version {version.number} (candidate)", f"version {previous} (champion)"),
        )
        record_text(self.run, "retrain/champion-against-candidate.svg", picture)


def _content(folder: Path, model: Path) -> Path:
    """The model in a downloaded version: the file of that name, the only one, or all of it."""
    if (folder / model.name).exists():
        return folder / model.name
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_file():
        return inside[0]
    return folder


def _text(value: float | None) -> str | None:
    return None if value is None else repr(value)
