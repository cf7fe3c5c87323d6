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

from dataclasses import dataclass

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Promotion
from retrain_core.verdict.promotion import PromotionReason, Score, Verdict, judge
from retrain_trainer.registry.race import MANUAL_ALIAS, Measure, Race
from retrain_trainer.registry.versions import (
    CANDIDATE_METRIC,
    CHAMPION_METRIC,
    DECISION,
    DECISION_MESSAGE,
    PREVIOUS,
    PROMOTED,
    Registry,
    Version,
)

MAX_ROUNDS = 100
"""More would mean that somebody keeps moving the alias: a fault, not a race."""


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


def promote(registry: Registry, mine: Version, policy: Promotion, measure: Measure) -> Decision:
    """Decide whether ``mine`` becomes the champion, and make it so.

    Judged are the champion first read, mine, and every version whose training may still be at
    work or has registered since, so far as they were measured on the same data. Of versions
    measured on different data the later one's judgement counts. What is decided stays: an attempt
    that comes back after its decision moves nothing.
    """
    if (kept := _kept_decision(mine)) is not None:
        return kept
    race = Race(registry, mine, policy, measure)
    for _ in range(MAX_ROUNDS):
        held = race.look()
        overtaker = race.overtaker()
        if overtaker is not None:
            if held == overtaker or not race.may_have_set(held):
                return _overtaken(race, overtaker)
            race.claim(overtaker)
            race.set_alias(overtaker)
            continue
        verdict = _judge(race)
        best = verdict.champion
        settled = best == held or (policy.mode == "Manual" and best == race.champion)
        if best is None or (settled and best == race.claimed):
            return _decision(race, verdict)
        race.claim(best)
        if not settled:
            race.set_alias(best)
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


def _judge(race: Race) -> Verdict:
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


def _overtaken(race: Race, by: int) -> Decision:
    return Decision(
        promoted=False,
        reason=PromotionReason.BEATEN_BY_RIVAL,
        message=f"version {by} was found best meanwhile by a later training, on other data",
        candidate=race.mine.metric(race.policy.metric),
        champion=None,
        previous=race.base,
    )


def _decision(race: Race, verdict: Verdict) -> Decision:
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
