"""Promotion without locks: decide, set the alias, look again, until nothing moves.

MLflow has no compare-and-set, so three rules make a race end as the same trainings one after
another would have:

- Each training registers before it decides. Of two that race the later one sees the earlier; the
  earlier one, should it write after the later has decided, sees the later when it looks again.
- All judge the same versions in the order of their numbers (`verdict.promotion.judge`), so all
  come to the same champion, whichever of them the alias passed through when they first looked.
- Before it writes or ends, a training says in a tag (`CLAIM`) which version it finds best. While
  its decision is open it may still overwrite what it has not seen, so whoever starts meanwhile
  judges those versions again; and one that was measured on older data sees whom to give way to.
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
    PREFIX,
    PREVIOUS,
    PROMOTED,
    Registry,
    Version,
)

MANUAL_ALIAS = "challenger"
CLAIM = f"{PREFIX}/promoting"
"""The version that a training found best and gave the alias to, or was about to; the alias."""
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
    """One promotion: what it has seen so far, and what it has written."""

    def __init__(
        self, registry: Registry, mine: Version, policy: Promotion, measure: Measure
    ) -> None:
        self.registry = registry
        self.mine = mine
        self.policy = policy
        self.alias = policy.alias if policy.mode == "Automatic" else MANUAL_ALIAS
        self._measure = measure
        self._measured: dict[int, tuple[float | None, str]] = {}
        self.claimed = self._claim_of(mine)
        self.base = registry.holder(self.alias) if self.claimed is None else self.claimed
        """The version that holds the alias, as far as the race has not moved it."""
        self.versions = {version.number: version for version in registry.versions()}
        self._undecided = {v.number for v in self.versions.values() if not v.decided}
        self._newest = max(self.versions, default=mine.number)
        at_work = {number for number in self._undecided if self._claim_of(self.versions[number])}
        self._since = min(at_work, default=self._newest)
        self._replaced = int(mine.tags[PREVIOUS]) if PREVIOUS in mine.tags else None

    def look(self) -> int | None:
        """Read everything again; returns the holder of the alias that is decided about.

        An alias moved by a person is the new base.
        """
        held = self.champion = self.registry.holder(self.policy.alias)
        if self.alias != self.policy.alias:
            held = self.registry.holder(self.alias)
        # After the aliases: who holds one is registered by now.
        self.versions = {version.number: version for version in self.registry.versions()}
        known = {self.base, self.mine.number, *(rival.number for rival in self.rivals())}
        if held not in known and not self._gives_way(held):
            self.base = held
        return held

    def to_beat(self) -> tuple[Score | None, str]:
        """The version to beat, and why it has no metric.

        A challenger that waits for a person is to be beaten too, if it can be compared.
        """
        base = None if self.base is None else self.versions.get(self.base)
        if self.policy.mode == "Automatic":
            return self._scored(base)
        champion, why = self._scored(self.versions.get(self.champion or 0))
        if base is not None and self.comparable(base):
            waiting = Score(base.number, base.metric(self.policy.metric))
            if judge(champion, waiting, [], self.policy).champion == base.number:
                return waiting, ""
        return champion, why

    def replaced(self) -> Score | None:
        """The champion as it was before the race."""
        number = self.champion if self.policy.mode == "Manual" else self.base
        if number == self.mine.number:
            # An earlier attempt ended between setting the alias and saying so.
            number = self._replaced
        return self._scored(self.versions.get(number or 0))[0]

    def rivals(self) -> list[Version]:
        """The versions in the race that may be compared with mine."""
        return [
            version
            for version in self.versions.values()
            if self._in_race(version.number) and self.comparable(version)
        ]

    def overtaker(self) -> int | None:
        """The champion of a training later than mine, on other data: its judgement counts."""
        last = max(self._claims(), key=lambda version: version.number, default=self.mine)
        if last.number <= self.mine.number or self.comparable(last):
            return None
        return self._claim_of(last)

    def claim(self, number: int) -> None:
        tags = {CLAIM: f"{number} {self.alias}"}
        if self.base is not None and self.base != self.mine.number:
            tags = {PREVIOUS: str(self.base), **tags}
        self.registry.tag(self.mine.number, tags)
        self.claimed = number

    def may_have_set(self, held: int | None) -> bool:
        """Whether the alias may be at ``held`` by a write of mine, this attempt's or another's."""
        return (
            self.claimed is not None
            and held is not None
            and (held in (self.mine.number, self.claimed) or self._in_race(held))
        )

    def comparable(self, version: Version) -> bool:
        """Whether its recorded metric may be compared with mine."""
        if version.metric(self.policy.metric) is None:
            return False
        data = self.mine.tags.get(EVALUATION_DATA)
        return self.policy.evaluate_champion == "Never" or version.tags.get(EVALUATION_DATA) == data

    def _scored(self, version: Version | None) -> tuple[Score | None, str]:
        if version is None:
            return None, ""
        value, why = self._score(version)
        return Score(version.number, value), why

    def _score(self, version: Version) -> tuple[float | None, str]:
        recorded = version.metric(self.policy.metric)
        if version.number == self.mine.number:
            return recorded, ""
        how = self.policy.evaluate_champion
        if how != "Always" and self.comparable(version):
            return recorded, ""
        if how == "Never":
            return None, f"version {version.number} has no recorded {self.policy.metric}"
        if version.number not in self._measured:
            self._measured[version.number] = self._measure(version)
        return self._measured[version.number]

    def _in_race(self, number: int) -> bool:
        """Whether a version may be overwritten, or its training overwrite, during this race.

        What was decided before is history, and the alias says what came of it: were it judged
        again, a rollback by hand would not last.
        """
        return number != self.mine.number and (number in self._undecided or number > self._since)

    def _claims(self) -> list[Version]:
        """The versions in the race whose trainings have found a champion."""
        return [
            version
            for version in self.versions.values()
            if self._in_race(version.number) and self._claim_of(version) is not None
        ]

    def _claim_of(self, version: Version) -> int | None:
        number, _, alias = version.tags.get(CLAIM, "").partition(" ")
        return int(number) if alias == self.alias and number.isdecimal() else None

    def _gives_way(self, held: int | None) -> bool:
        """Whether ``held`` is of an earlier training on other data that has not looked yet."""
        ours = {version.number for version in self._claims() if self.comparable(version)}
        if self.claimed is not None:
            ours.add(self.mine.number)
        return held is not None and self._in_race(held) and held < max(ours, default=0)


def promote(registry: Registry, mine: Version, policy: Promotion, measure: Measure) -> Decision:
    """Decide whether ``mine`` becomes the champion, and make it so.

    Judged are the champion first read, mine, and every version whose training may still be at
    work or has registered since, so far as they were measured on the same data. Of versions
    measured on different data the later one's judgement counts. What is decided stays: an attempt
    that comes back after its decision moves nothing.
    """
    if (kept := _kept_decision(mine)) is not None:
        return kept
    race = _Race(registry, mine, policy, measure)
    for _ in range(MAX_ROUNDS):
        held = race.look()
        overtaker = race.overtaker()
        if overtaker is not None:
            if held == overtaker or not race.may_have_set(held):
                return _overtaken(race, overtaker)
            registry.set_alias(race.alias, overtaker)
            continue
        verdict = _judge(race)
        best = verdict.champion
        settled = best == held or (policy.mode == "Manual" and best == race.champion)
        if best is None or (settled and best == race.claimed):
            return _decision(race, verdict)
        race.claim(best)
        if not settled:
            registry.set_alias(race.alias, best)
    raise RunFailed(
        Reason.INTERNAL_ERROR,
        f"the alias {race.alias} was moved {MAX_ROUNDS} times while version {mine.number} was"
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


def _kept_decision(mine: Version) -> Decision | None:
    """What :func:`record_decision` has written for ``mine``."""
    tags = mine.tags
    if tags.get(DECISION) not in set(PromotionReason):
        return None
    return Decision(
        promoted=mine.promoted,
        reason=PromotionReason(tags[DECISION]),
        message=tags.get(DECISION_MESSAGE, ""),
        candidate=float(tags[CANDIDATE_METRIC]) if CANDIDATE_METRIC in tags else None,
        champion=float(tags[CHAMPION_METRIC]) if CHAMPION_METRIC in tags else None,
        previous=int(tags[PREVIOUS]) if PREVIOUS in tags else None,
    )


def _judge(race: _Race) -> Verdict:
    metric = race.policy.metric
    to_beat, why = race.to_beat()
    verdict = judge(
        to_beat,
        Score(race.mine.number, race.mine.metric(metric)),
        [Score(v.number, v.metric(metric)) for v in race.rivals() if v.number != race.base],
        race.policy,
    )
    if why and verdict.reason is PromotionReason.CHAMPION_NOT_COMPARABLE:
        verdict = Verdict(verdict.champion, verdict.reason, f"{verdict.message}: {why}")
    return verdict


def _overtaken(race: _Race, by: int) -> Decision:
    return Decision(
        promoted=False,
        reason=PromotionReason.BEATEN_BY_RIVAL,
        message=f"version {by} was found best meanwhile by a later training, on other data",
        candidate=race.mine.metric(race.policy.metric),
        champion=None,
        previous=race.base,
    )


def _decision(race: _Race, verdict: Verdict) -> Decision:
    mine = Score(race.mine.number, race.mine.metric(race.policy.metric))
    replaced = race.replaced()
    wins = verdict.champion == mine.version
    if verdict.reason is PromotionReason.ALREADY_CHAMPION:
        verdict = judge(replaced, mine, [], race.policy)
    reason, message = verdict.reason, verdict.message
    promoted = wins
    if race.policy.mode == "Manual" and race.champion != mine.version:
        promoted = False
        if wins:
            reason = PromotionReason.PROMOTION_IS_MANUAL
            message += (
                f"; it is the {MANUAL_ALIAS} now: promote it by setting the alias"
                f" {race.policy.alias}"
            )
    return Decision(
        promoted=promoted,
        reason=reason,
        message=message,
        candidate=mine.value,
        champion=replaced.value if replaced else None,
        previous=replaced.version if replaced else None,
    )
