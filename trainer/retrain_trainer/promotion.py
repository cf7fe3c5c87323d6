"""The promotion of a run's version: the champion measured where it must be, the decision kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from retrain_core.spec import Promotion
from retrain_core.verdict.promotion import PromotionReason
from retrain_trainer.execution import Execution
from retrain_trainer.measuring import ChampionMeter
from retrain_trainer.partial_result import PartialResult
from retrain_trainer.pipeline.metrics import Metrics
from retrain_trainer.pipeline.model_file import ModelFile
from retrain_trainer.pipeline.paths import related
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project
from retrain_trainer.recording import measure_tags
from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.promote import Decision, judge_again, promote, record_decision
from retrain_trainer.registry.versions import DECISION, DUPLICATE, Version
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.pictures import comparison_svg
from retrain_trainer.tracking.record import record_text
from retrain_trainer.tracking.run import TrackedRun


@dataclass(frozen=True)
class OtherFiles:
    """Paths of what the pipeline writes besides the model; they can lie in the same folder."""

    outs: frozenset[str]
    model: str

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str) or path == self.model:
            return False
        return any(related(path, out) for out in self.outs)


@dataclass(frozen=True)
class Promoter:
    """Everything that a promotion looks at."""

    execution: Execution
    run: TrackedRun
    project: Project
    plan: Plan
    model: ModelFile
    metrics: Metrics
    environment: Mapping[str, str]
    report: Reporter
    scratch: Path

    def promote(
        self, registry: MLflowRegistry, version: Version, partial_result: PartialResult
    ) -> None:
        """Decide on ``version``, which this run has registered, and tell it in ``partial_result``.

        Raises:
            RunFailed: MetricNotFound or MetricNotFinite; the version stays registered.
        """
        if (policy := self._policy) is None:
            registry.tag(version.number, {DECISION: str(PromotionReason.NO_PROMOTION)})
            return
        if version.duplicate:
            self._close(registry, version, _of_another_attempt(version), partial_result)
            return
        meter = self._meter(registry, version, policy)
        decision = promote(registry, version, policy, meter.measure, self._other_outputs)
        self._close(registry, version, decision, partial_result)

    def judge_again(
        self, registry: MLflowRegistry, version: Version, partial_result: PartialResult
    ) -> None:
        """Decide on ``version``, registered by an earlier run, whose state this run has.

        What is told of it is what it is now: the data of the champion may be others since, or
        the policy.

        Raises:
            RunFailed: as :meth:`promote`.
        """
        if (policy := self._policy) is None:
            return
        meter = self._meter(registry, version, policy)
        tags = measure_tags(
            self.project,
            self.plan,
            model=self.model.out(self.project),
            metrics=self.metrics,
            promotion=policy,
        )
        changed = {key: text for key, text in tags.items() if version.tags.get(key) != text}
        registry.tag(version.number, changed)
        version = replace(version, tags=version.tags | changed)
        decision = judge_again(
            registry, version, policy, meter.measure, self.execution.uid, self._other_outputs
        )
        self._close(registry, registry.get(version.number), decision, partial_result)

    @property
    def _policy(self) -> Promotion | None:
        return self.execution.spec.model.promotion if self.execution.spec.model else None

    @cached_property
    def _other_outputs(self) -> "OtherFiles":
        outs = {self.project.relative(path) for path in self.project.producers()}
        return OtherFiles(frozenset(outs), self.model.path)

    def _meter(
        self, registry: MLflowRegistry, version: Version, policy: Promotion
    ) -> ChampionMeter:
        file, _ = self.metrics.require(policy.metric)
        return ChampionMeter(
            registry=registry,
            project=self.project,
            plan=self.plan,
            model=self.model.out(self.project),
            metric=policy.metric,
            metrics_file=file,
            remember=policy.evaluate_champion != "Always",
            python=version.environment or "",
            environment=self.environment,
            report=self.report,
            scratch=self.scratch,
        )

    def _close(
        self,
        registry: MLflowRegistry,
        version: Version,
        decision: Decision,
        partial_result: PartialResult,
    ) -> None:
        record_decision(registry, version, decision)
        if decision.reason is PromotionReason.CHAMPION_NOT_COMPARABLE:
            alias = self.execution.spec.model.promotion.alias  # type: ignore[union-attr]
            self.report.warn(
                f"{decision.message}. It stays the champion; if version {version.number} is to"
                f" serve, set the alias {alias} on it by hand"
            )
        self._tell(registry, decision, version, partial_result)

    def _tell(
        self,
        registry: MLflowRegistry,
        decision: Decision,
        version: Version,
        partial_result: PartialResult,
    ) -> None:
        made = partial_result.model
        assert made is not None
        previous = decision.previous if decision.previous != version.number else None
        partial_result.model = made.model_copy(
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
        metric = self.execution.spec.model.promotion.metric  # type: ignore[union-attr]
        champion = registry.get(previous).metrics
        if decision.champion is not None:
            champion[metric] = decision.champion
        partial_result.champion_metrics = champion
        picture = comparison_svg(
            f"{registry.name}: {decision.reason}",
            self.metrics.named(),
            champion,
            (f"version {version.number} (candidate)", f"version {previous} (champion)"),
        )
        record_text(self.run, "retrain/champion-against-candidate.svg", picture)


def _of_another_attempt(version: Version) -> Decision:
    first = version.tags[DUPLICATE]
    return Decision(
        promoted=False,
        reason=PromotionReason.OF_ANOTHER_ATTEMPT,
        message=(
            f"an earlier attempt at the same run has registered version {first}, with another"
            " content: one run promotes one version"
        ),
        candidate=None,
        champion=None,
        previous=None,
    )


def _text(value: float | None) -> str | None:
    return None if value is None else repr(value)
