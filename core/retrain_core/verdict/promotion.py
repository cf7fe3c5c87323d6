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
    CHAMPION_IS_ANOTHER_FILE = "ChampionIsAnotherFile"
    BEATEN_BY_RIVAL = "BeatenByRival"
    PROMOTION_IS_MANUAL = "PromotionIsManual"
    ALREADY_CHAMPION = "AlreadyChampion"
    WITHDRAWN = "Withdrawn"
    OF_ANOTHER_ATTEMPT = "OfAnotherAttempt"
    NO_PROMOTION = "NoPromotion"


MEANINGS = {
    PromotionReason.FIRST_CHAMPION: "Promoted: no version had the alias.",
    PromotionReason.BETTER: "Promoted: better than the champion, measured alike.",
    PromotionReason.CHAMPION_IS_ANOTHER_FILE: "Promoted: the champion was registered from another"
    " output of the pipeline than the one that is the model now.",
    PromotionReason.ALREADY_CHAMPION: "It has the alias, and keeps it.",
    PromotionReason.NOT_BETTER: "The champion is as good or better.",
    PromotionReason.IMPROVEMENT_TOO_SMALL: "It is better, but by less than"
    " `promotion.minImprovement`.",
    PromotionReason.BELOW_THRESHOLD: "It does not reach `promotion.threshold`. A champion that"
    " falls below it keeps the alias until another version reaches it.",
    PromotionReason.METRIC_NOT_FINITE: "The metric is no number that could be compared.",
    PromotionReason.CHAMPION_NOT_COMPARABLE: "The champion keeps the alias, for there is no number"
    " of it to compare with; the message says why. If the new version is to serve, set the alias"
    " by hand.",
    PromotionReason.BEATEN_BY_RIVAL: "Another training, decided at the same time, goes first.",
    PromotionReason.PROMOTION_IS_MANUAL: "It would be promoted, and has the alias `challenger`:"
    " set `promotion.alias` by hand.",
    PromotionReason.WITHDRAWN: "A person has taken the alias from this version, or from one with"
    " the same dvc.lock or the same model. It is promoted again only by hand.",
    PromotionReason.OF_ANOTHER_ATTEMPT: "An earlier attempt at the same run has registered a"
    " version with another content. Set the alias by hand if this one is to serve.",
    PromotionReason.NO_PROMOTION: "The spec has no `model.promotion`.",
}
"""What became of a version, for docs/reasons.md."""

_TAKES_OVER = (PromotionReason.FIRST_CHAMPION, PromotionReason.BETTER)
Turn = tuple[int, int]


@dataclass(frozen=True)
class Score:
    """A version and its metric on the evaluation data in question; None where there is none."""

    version: int
    value: float | None
    judged_as: Turn | None = None
    """Its place among those that race, if that is not the one of its number."""

    @property
    def turn(self) -> Turn:
        return self.judged_as or (self.version, 0)


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

    In the order of their turns, each takes over from the champion before it if it is finite,
    reaches the threshold and is better by ``minImprovement``. Of trainings that race all come to
    the same verdict so, even if some already found one of the others as champion. A champion that
    cannot be compared (value None) stays.
    """
    holder = champion
    for score in sorted((candidate, *rivals), key=lambda score: score.turn):
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
        return PromotionReason.ALREADY_CHAMPION, f"{name} {_number(value)}"
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
    # Minus nothing is nothing.
    return "none" if value is None else f"{value + 0.0:.6g}"
