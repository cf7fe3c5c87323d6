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

from collections.abc import Container
from dataclasses import dataclass

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Promotion
from retrain_core.verdict.promotion import PromotionReason, Verdict, judge
from retrain_trainer.registry.race import MANUAL_ALIAS, Measure, Race
from retrain_trainer.registry.versions import (
    CANDIDATE_METRIC,
    CHAMPION_METRIC,
    DECIDED,
    DECISION,
    DECISION_MESSAGE,
    JUDGED_AGAIN,
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


def promote(
    registry: Registry,
    mine: Version,
    policy: Promotion,
    measure: Measure,
    other_files: Container[str] = (),
) -> Decision:
    """Decide whether ``mine`` becomes the champion, and make it so.

    Judged are the champion first read, mine, and every version whose training may still be at
    work or has registered since, so far as they were measured on the same data. Of versions
    measured on different data the later one's judgement counts. What is decided stays: an attempt
    that comes back after its decision moves nothing.

    ``other_files`` are the outputs that are not the model: a champion that is one of them is not
    to be beaten.
    """
    if (kept := _kept_decision(mine)) is not None:
        return kept
    race = Race(registry, mine, policy, measure, other_files)
    for _ in range(MAX_ROUNDS):
        decision = _round(race)
        if decision is not None and race.recorded():
            return decision
    raise _restless(race)


def judge_again(
    registry: Registry,
    mine: Version,
    policy: Promotion,
    measure: Measure,
    uid: str,
    other_files: Container[str] = (),
) -> Decision:
    """Decide on a version that was decided before, for the run of the Job ``uid``.

    Its state has come back, or the policy is another one: it is judged as if it were registered
    now. Where nothing is to be moved nothing is written either, so that a run each minute that
    finds the world as it was leaves it so.
    """
    if not mine.decided or mine.judgement.endswith(f" {uid}"):
        return promote(registry, mine, policy, measure, other_files)
    race = Race(registry, mine, policy, measure, other_files, again=uid)
    for _ in range(MAX_ROUNDS):
        held = race.look()
        decision = _settled(race, held)
        if decision is None:
            registry.tag(mine.number, {JUDGED_AGAIN: race.mine.judgement})
            return promote(registry, race.mine, policy, measure, other_files)
        if race.recorded():
            return decision
    raise _restless(race)


def record_decision(registry: Registry, mine: Version, decision: Decision) -> None:
    """Keep the decision and its numbers on the version; the reason comes last and closes it."""
    tags = {DECISION_MESSAGE: decision.message, PROMOTED: str(decision.promoted).lower()}
    if decision.champion is not None:
        tags[CHAMPION_METRIC] = repr(decision.champion)
    if decision.candidate is not None:
        tags[CANDIDATE_METRIC] = repr(decision.candidate)
    if decision.previous is not None and decision.previous != mine.number:
        tags[PREVIOUS] = str(decision.previous)
    last = {DECISION: str(decision.reason)}
    if mine.judgement:
        last[DECIDED] = mine.judgement
    if mine.decided and all(mine.tags.get(key) == value for key, value in (tags | last).items()):
        return
    of_another = {CHAMPION_METRIC, CANDIDATE_METRIC, PREVIOUS} - tags.keys()
    registry.untag(mine.number, sorted(of_another & mine.tags.keys()))
    registry.tag(mine.number, tags)
    registry.tag(mine.number, last)


def _round(race: Race) -> Decision | None:
    """Look once, and do what is to be done; a decision where there is nothing."""
    held = race.look()
    decision = _settled(race, held)
    if decision is not None:
        return decision
    if (overtaker := race.overtaker()) is not None:
        race.claim(overtaker)
        race.set_alias(overtaker)
        return None
    best = _judge(race).champion
    assert best is not None
    race.claim(best)
    if not _stands(race, best, held):
        race.set_alias(best)
    return None


def _settled(race: Race, held: int | None) -> Decision | None:
    """The decision, if the alias, held by ``held``, stands as it should and no claim is due."""
    if (alias := race.withdrawn()) is not None:
        return _withdrawn(race, alias)
    overtaker = race.overtaker()
    if overtaker is not None:
        through = held == overtaker or not race.may_have_set(held)
        return _overtaken(race, overtaker) if through else None
    verdict = _judge(race)
    best = verdict.champion
    if best is None or (_stands(race, best, held) and (race.passive or best == race.claimed)):
        return _decision(race, verdict)
    return None


def _stands(race: Race, best: int, held: int | None) -> bool:
    """Whether nothing has to be moved for ``best``."""
    return best == held or (race.policy.mode == "Manual" and best == race.champion)


def _restless(race: Race) -> RunFailed:
    return RunFailed(
        Reason.INTERNAL_ERROR,
        f"the alias {race.alias} was moved {MAX_ROUNDS} times while version {race.mine.number} was"
        " being judged: something else sets it too",
    )


def _kept_decision(mine: Version) -> Decision | None:
    """What :func:`record_decision` has written for ``mine``."""
    tags = mine.tags
    if not mine.decided or tags.get(DECISION) not in set(PromotionReason):
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
    to_beat, why = race.to_beat()
    rivals = [race.score(version) for version in race.rivals() if version.number != race.base]
    verdict = judge(to_beat, race.score(race.mine), rivals, race.policy)
    if why and verdict.reason is PromotionReason.CHAMPION_NOT_COMPARABLE:
        return Verdict(verdict.champion, verdict.reason, f"{verdict.message}: {why}")
    if verdict.reason is PromotionReason.FIRST_CHAMPION:
        return _of_the_right_file(race, verdict)
    return verdict


def _of_the_right_file(race: Race, verdict: Verdict) -> Verdict:
    """``verdict``, if the champion only does not count, for it is another file."""
    champion = race.versions.get(race.base or 0)
    if champion is None or not race.is_other_file(champion):
        return verdict
    return Verdict(
        verdict.champion,
        PromotionReason.CHAMPION_IS_ANOTHER_FILE,
        f"version {champion.number}, the champion, is {champion.model_path}; the model is"
        f" {race.mine.model_path}",
    )


def _withdrawn(race: Race, alias: str) -> Decision:
    now = f"version {race.champion}" if race.champion else "no version"
    return Decision(
        promoted=False,
        reason=PromotionReason.WITHDRAWN,
        message=(
            f"a person has taken the alias {alias} from version {race.mine.number} or one like it;"
            f" {now} has {race.policy.alias}. Set the alias on version {race.mine.number} by hand"
            " if it is to serve again"
        ),
        candidate=race.mine.metric(race.policy.metric),
        champion=None,
        previous=race.champion,
    )


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
    mine = race.score(race.mine)
    replaced = race.replaced()
    wins = verdict.champion == mine.version
    if verdict.reason is PromotionReason.ALREADY_CHAMPION and race.resumed:
        verdict = judge(replaced, mine, [], race.policy)
    reason, message = verdict.reason, verdict.message
    if wins and reason in (PromotionReason.BELOW_THRESHOLD, PromotionReason.METRIC_NOT_FINITE):
        message += "; it stays the champion until another version is promoted"
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
