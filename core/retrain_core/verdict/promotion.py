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


_TAKES_OVER = (PromotionReason.FIRST_CHAMPION, PromotionReason.BETTER)


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
    """Decide as if the candidate and its rivals had been trained one after another.

    In the order of their versions, each takes over from the champion before it if it is finite,
    reaches the threshold and is better by ``minImprovement``. Of trainings that race all come to
    the same verdict so, even if some already found one of the others as champion. A champion that
    cannot be compared (value None) stays.
    """
    holder = champion
    for score in sorted((candidate, *rivals), key=lambda score: score.version):
        if _standing(holder, score, policy)[0] in _TAKES_OVER:
            holder = score
    reason, message = _standing(champion, candidate, policy)
    won = reason in (*_TAKES_OVER, PromotionReason.ALREADY_CHAMPION)
    if won and holder is not None and holder.version != candidate.version:
        _, against = _standing(holder, candidate, policy)
        return Verdict(
            holder.version,
            PromotionReason.BEATEN_BY_RIVAL,
            f"version {holder.version}, not yet promoted then, goes first: {against}",
        )
    return Verdict(holder.version if holder else None, reason, message)


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
    if not math.isfinite(champion.value):
        return PromotionReason.BETTER, f"{name} {_number(value)}; the champion's is no number"
    gain = sign * (value - champion.value)
    against = (
        f"{name} {_number(value)} against {_number(champion.value)} of version {champion.version}"
    )
    if gain <= 0:
        return PromotionReason.NOT_BETTER, against
    rounding = 4 * math.ulp(max(abs(value), abs(champion.value)))
    if gain < policy.min_improvement - rounding:
        return (
            PromotionReason.IMPROVEMENT_TOO_SMALL,
            f"{against}, by less than {_number(policy.min_improvement)}",
        )
    return PromotionReason.BETTER, against


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
