"""Promotion without locks: decide, set the alias, look again, until nothing moves.

MLflow has no compare-and-set. Each training registers before it decides, so of two that race the
later one sees the earlier; the earlier one, should it write after the later has decided, sees the
later when it looks again.
"""

from collections.abc import Callable
from dataclasses import dataclass

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Promotion
from retrain_core.verdict.promotion import PromotionReason, Score, Verdict, judge
from retrain_trainer.registry.versions import (
    CANDIDATE_METRIC,
    CHAMPION_METRIC,
    DECISION,
    DECISION_MESSAGE,
    EVALUATION_DATA,
    PREVIOUS,
    PROMOTED,
    Registry,
    Version,
)

MANUAL_ALIAS = "challenger"
MAX_ROUNDS = 100
"""More would mean that somebody keeps moving the alias: a fault, not a race."""

Measure = Callable[[Version], tuple[float | None, str]]
"""A version's metric on today's data, or None and why there is none."""


@dataclass(frozen=True)
class Decision:
    """What came of a version."""

    promoted: bool
    reason: PromotionReason
    message: str
    candidate: float | None
    champion: float | None
    """The metric of the champion it was compared with, on the candidate's data."""
    previous: int | None
    """The champion it was compared with."""


class _Race:
    """One promotion: what it has seen so far."""

    def __init__(
        self, registry: Registry, mine: Version, policy: Promotion, measure: Measure
    ) -> None:
        self.registry = registry
        self.mine = mine
        self.policy = policy
        self._measure = measure
        self._measured: dict[int, tuple[float | None, str]] = {}
        self.base = registry.holder(policy.alias)
        versions = registry.versions()
        self.undecided = {v.number for v in versions if not v.decided and v.number != mine.number}
        previous = mine.tags.get(PREVIOUS)
        if self.base == mine.number and previous:
            # An earlier attempt ended between setting the alias and saying so.
            self.base = int(previous)

    def comparable(self, version: Version) -> bool:
        """Whether its recorded metric was measured on the same data as mine."""
        data = self.mine.tags.get(EVALUATION_DATA)
        return (
            version.tags.get(EVALUATION_DATA) == data
            and version.metric(self.policy.metric) is not None
        )

    def score(self, version: Version) -> tuple[float | None, str]:
        recorded = version.metric(self.policy.metric)
        if version.number == self.mine.number:
            return recorded, ""
        how = self.policy.evaluate_champion
        if how == "Never" and recorded is not None:
            return recorded, ""
        if how == "WhenDataChanged" and self.comparable(version):
            return recorded, ""
        if how == "Never":
            return None, f"version {version.number} has no recorded {self.policy.metric}"
        if version.number not in self._measured:
            self._measured[version.number] = self._measure(version)
        return self._measured[version.number]


def promote(registry: Registry, mine: Version, policy: Promotion, measure: Measure) -> Decision:
    """Decide whether ``mine`` becomes the champion, and make it so.

    Candidates are the champion first read, mine, and versions undecided then or registered
    later, so far as they were measured on the same data. A champion moved by a person becomes
    the one to beat. Of versions measured on different data the later one's judgement counts.
    """
    race = _Race(registry, mine, policy, measure)
    alias = policy.alias if policy.mode == "Automatic" else MANUAL_ALIAS
    for _ in range(MAX_ROUNDS):
        holder = registry.holder(policy.alias)
        by_number = {version.number: version for version in registry.versions()}
        rivals = [
            version
            for version in by_number.values()
            if (version.number in race.undecided or version.number > mine.number)
            and race.comparable(version)
        ]
        known = {race.base, mine.number, *(version.number for version in rivals)}
        if holder not in known and holder is not None:
            if holder > mine.number and by_number[holder].promoted:
                return _overtaken(race, holder)
            race.base = holder
        overtaker = _promoted_on_newer_data(race, by_number)
        if overtaker is not None and holder == mine.number and policy.mode == "Automatic":
            registry.set_alias(alias, overtaker)
            return _overtaken(race, overtaker)
        verdict, champion = _judge(race, by_number, rivals)
        if policy.mode == "Manual":
            return _manual(race, verdict, champion)
        if verdict.champion is None or verdict.champion == holder:
            return _decision(race, verdict, champion, promoted=verdict.champion == mine.number)
        if verdict.champion == mine.number and race.base is not None:
            registry.tag(mine.number, {PREVIOUS: str(race.base)})
        registry.set_alias(alias, verdict.champion)
    raise RunFailed(
        Reason.INTERNAL_ERROR,
        f"the alias {policy.alias} was moved {MAX_ROUNDS} times while version {mine.number} was"
        " being judged: something else sets it too",
    )


def record_decision(registry: Registry, number: int, decision: Decision) -> None:
    """Keep the decision and its numbers on the version; the reason comes last and closes it."""
    tags = {DECISION_MESSAGE: decision.message, PROMOTED: str(decision.promoted).lower()}
    if decision.champion is not None:
        tags[CHAMPION_METRIC] = repr(decision.champion)
    if decision.candidate is not None:
        tags[CANDIDATE_METRIC] = repr(decision.candidate)
    if decision.previous is not None and decision.previous != number:
        tags[PREVIOUS] = str(decision.previous)
    registry.tag(number, tags)
    registry.tag(number, {DECISION: str(decision.reason)})


def _judge(
    race: _Race, by_number: dict[int, Version], rivals: list[Version]
) -> tuple[Verdict, Score | None]:
    metric = race.policy.metric
    champion = None
    why = ""
    if race.base is not None and race.base in by_number:
        value, why = race.score(by_number[race.base])
        champion = Score(race.base, value)
    verdict = judge(
        champion,
        Score(race.mine.number, race.mine.metric(metric)),
        [Score(v.number, v.metric(metric)) for v in rivals if v.number != race.base],
        race.policy,
    )
    if why and verdict.reason is PromotionReason.CHAMPION_NOT_COMPARABLE:
        verdict = Verdict(verdict.champion, verdict.reason, f"{verdict.message}: {why}")
    return verdict, champion


def _promoted_on_newer_data(race: _Race, by_number: dict[int, Version]) -> int | None:
    newer = [
        version.number
        for version in by_number.values()
        if version.number > race.mine.number and version.promoted and not race.comparable(version)
    ]
    return max(newer, default=None)


def _overtaken(race: _Race, by: int) -> Decision:
    return Decision(
        promoted=False,
        reason=PromotionReason.BEATEN_BY_RIVAL,
        message=f"version {by}, trained later on other data, was promoted meanwhile",
        candidate=race.mine.metric(race.policy.metric),
        champion=None,
        previous=race.base,
    )


def _manual(race: _Race, verdict: Verdict, champion: Score | None) -> Decision:
    if verdict.champion != race.mine.number:
        return _decision(race, verdict, champion, promoted=False)
    race.registry.set_alias(MANUAL_ALIAS, race.mine.number)
    manual = Verdict(
        verdict.champion,
        PromotionReason.PROMOTION_IS_MANUAL,
        f"{verdict.message}; it is the {MANUAL_ALIAS} now: promote it by setting the alias"
        f" {race.policy.alias}",
    )
    return _decision(race, manual, champion, promoted=False)


def _decision(race: _Race, verdict: Verdict, champion: Score | None, *, promoted: bool) -> Decision:
    return Decision(
        promoted=promoted,
        reason=verdict.reason,
        message=verdict.message,
        candidate=race.mine.metric(race.policy.metric),
        champion=champion.value if champion else None,
        previous=race.base,
    )
