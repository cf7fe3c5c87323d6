"""Which of several model versions should be the champion."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from retrain_core.spec.training_run import Promotion


class PromotionReason(StrEnum):
    """Why a version was promoted or not: `status.model.reason` begins with it."""

    FIRST_CHAMPION = "FirstChampion"
    BETTER = "Better"
    NOT_BETTER = "NotBetter"
    IMPROVEMENT_TOO_SMALL = "ImprovementTooSmall"
    BELOW_THRESHOLD = "BelowThreshold"
    METRIC_NOT_FINITE = "MetricNotFinite"
    CHAMPION_NOT_COMPARABLE = "ChampionNotComparable"
    BEATEN_BY_RIVAL = "BeatenByRival"
    PROMOTION_IS_MANUAL = "PromotionIsManual"
    ALREADY_CHAMPION = "AlreadyChampion"
    NO_PROMOTION = "NoPromotion"


@dataclass(frozen=True)
class Score:
    """A version and its metric on the evaluation data in question; None where there is none."""

    version: int
    value: float | None


@dataclass(frozen=True)
class Verdict:
    """The version that should hold the alias (None: nobody) and why, seen from the candidate."""

    champion: int | None
    reason: PromotionReason
    message: str


def judge(
    champion: Score | None, candidate: Score, rivals: Sequence[Score], policy: Promotion
) -> Verdict:
    """Decide for ``candidate`` against the champion and the versions trained beside it.

    Only versions that are finite, reach the threshold and beat the champion by
    ``minImprovement`` are eligible; the best of them wins, the earliest among equals. A champion
    that cannot be compared (value None) stays.
    """
    reason, message = _standing(champion, candidate, policy)
    eligible = [
        score
        for score in (candidate, *rivals)
        if _standing(champion, score, policy)[0]
        in (PromotionReason.FIRST_CHAMPION, PromotionReason.BETTER)
    ]
    if not eligible:
        return Verdict(champion.version if champion else None, reason, message)
    best = min(eligible, key=lambda score: (-_signed(score, policy), score.version))
    if best.version != candidate.version and candidate in eligible:
        return Verdict(
            best.version,
            PromotionReason.BEATEN_BY_RIVAL,
            f"version {best.version}, trained at the same time, is at least as good:"
            f" {policy.metric} {_number(best.value)} against {_number(candidate.value)}",
        )
    return Verdict(best.version, reason, message)


def _standing(
    champion: Score | None, score: Score, policy: Promotion
) -> tuple[PromotionReason, str]:
    """How ``score`` stands against the champion alone."""
    name, value = policy.metric, score.value
    if value is None or not math.isfinite(value):
        return PromotionReason.METRIC_NOT_FINITE, f"{name} is {value}, which is no number"
    sign = 1 if policy.goal == "Maximize" else -1
    if policy.threshold is not None and sign * value < sign * policy.threshold:
        return (
            PromotionReason.BELOW_THRESHOLD,
            f"{name} {_number(value)} does not reach the threshold {_number(policy.threshold)}",
        )
    if champion is None:
        return PromotionReason.FIRST_CHAMPION, f"the first version; {name} {_number(value)}"
    if champion.version == score.version:
        return PromotionReason.ALREADY_CHAMPION, "the champion already"
    if champion.value is None:
        return (
            PromotionReason.CHAMPION_NOT_COMPARABLE,
            f"version {champion.version}, the champion, has no {name} on today's data",
        )
    if math.isnan(champion.value):
        return PromotionReason.BETTER, f"{name} {_number(value)}; the champion's is no number"
    gain = sign * (value - champion.value)
    against = (
        f"{name} {_number(value)} against {_number(champion.value)} of version {champion.version}"
    )
    if gain <= 0:
        return PromotionReason.NOT_BETTER, against
    if gain < policy.min_improvement and not math.isclose(gain, policy.min_improvement):
        return (
            PromotionReason.IMPROVEMENT_TOO_SMALL,
            f"{against}, by less than {_number(policy.min_improvement)}",
        )
    return PromotionReason.BETTER, against


def _signed(score: Score, policy: Promotion) -> float:
    assert score.value is not None
    return score.value if policy.goal == "Maximize" else -score.value


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
