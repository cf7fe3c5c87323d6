"""Which of several model versions should be the champion."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain_core.spec import Promotion
from retrain_core.verdict.promotion import MEANINGS, PromotionReason, Score, judge

R = PromotionReason


def policy(**fields: Any) -> Promotion:
    return Promotion(metric="f1", **fields)


def judged(
    champion: float | None, candidate: float | None, rules: Promotion
) -> tuple[bool, PromotionReason]:
    """Whether version 2 takes over from the champion, version 1, and why."""
    verdict = judge(Score(1, champion), Score(2, candidate), [], rules)
    assert verdict.champion in (1, 2)
    return verdict.champion == 2, verdict.reason


@pytest.mark.parametrize(
    ("rules", "value", "promoted", "reason"),
    [
        (policy(), 0.0, True, R.FIRST_CHAMPION),
        (policy(goal="Minimize"), 1e9, True, R.FIRST_CHAMPION),
        (policy(min_improvement=0.5), 0.1, True, R.FIRST_CHAMPION),
        (policy(threshold=0.8), 0.8, True, R.FIRST_CHAMPION),
        (policy(threshold=0.8), 0.7999, False, R.BELOW_THRESHOLD),
        (policy(threshold=0.2, goal="Minimize"), 0.2, True, R.FIRST_CHAMPION),
        (policy(threshold=0.2, goal="Minimize"), 0.2001, False, R.BELOW_THRESHOLD),
        (policy(), math.nan, False, R.METRIC_NOT_FINITE),
        (policy(), math.inf, False, R.METRIC_NOT_FINITE),
        (policy(goal="Minimize"), -math.inf, False, R.METRIC_NOT_FINITE),
        (policy(), None, False, R.METRIC_NOT_FINITE),
    ],
)
def test_the_first_champion(
    rules: Promotion, value: float | None, promoted: bool, reason: PromotionReason
) -> None:
    verdict = judge(None, Score(1, value), [], rules)
    assert verdict.champion == (1 if promoted else None)
    assert verdict.reason is reason


@pytest.mark.parametrize(
    ("champion", "candidate", "rules", "promoted", "reason"),
    [
        (0.8, 0.9, policy(), True, R.BETTER),
        (0.8, 0.8, policy(), False, R.NOT_BETTER),
        (0.8, 0.7, policy(), False, R.NOT_BETTER),
        (0.8, math.nextafter(0.8, 1), policy(), True, R.BETTER),
        (0.8, 0.7, policy(goal="Minimize"), True, R.BETTER),
        (0.8, 0.8, policy(goal="Minimize"), False, R.NOT_BETTER),
        (0.8, 0.9, policy(goal="Minimize"), False, R.NOT_BETTER),
        (0.5, 0.6, policy(threshold=0.7), False, R.BELOW_THRESHOLD),
        (0.5, 0.7, policy(threshold=0.7), True, R.BETTER),
        (0.9, 0.8, policy(threshold=0.7), False, R.NOT_BETTER),
    ],
)
def test_a_candidate_against_the_champion(
    champion: float, candidate: float, rules: Promotion, promoted: bool, reason: PromotionReason
) -> None:
    assert judged(champion, candidate, rules) == (promoted, reason)


@pytest.mark.parametrize(
    ("champion", "candidate", "least"),
    [
        (0.1, 0.4, 0.3),  # 0.30000000000000004
        (0.7, 0.8, 0.1),  # 0.10000000000000009
        (0.3, 0.4, 0.1),  # 0.10000000000000003
        (0.8, 0.9, 0.1),  # 0.09999999999999998
        (0.6, 0.7, 0.1),  # 0.09999999999999998
        (1e7, 1e7 + 0.05, 0.05),  # 0.05000000074505806
        (1e7 + 0.1, 1e7 + 0.15, 0.05),  # 0.04999999888241291
        (0.0, 5e-324, 5e-324),
    ],
)
def test_rounding_costs_nobody_the_promotion(
    champion: float, candidate: float, least: float
) -> None:
    for rules in (policy(min_improvement=least), policy(min_improvement=least, goal="Minimize")):
        sign = 1 if rules.goal == "Maximize" else -1
        assert judged(sign * champion, sign * candidate, rules) == (True, R.BETTER)


@pytest.mark.parametrize(
    ("champion", "candidate", "least"),
    [(0.8, 0.9, 0.1001), (0.8, 0.8999999, 0.1), (1e7, 1e7 + 0.0499, 0.05), (0.8, 0.80001, 0.1)],
)
def test_an_improvement_that_is_too_small_is_told_as_such(
    champion: float, candidate: float, least: float
) -> None:
    for rules in (policy(min_improvement=least), policy(min_improvement=least, goal="Minimize")):
        sign = 1 if rules.goal == "Maximize" else -1
        found = judged(sign * champion, sign * candidate, rules)
        assert found == (False, R.IMPROVEMENT_TOO_SMALL)


@pytest.mark.parametrize("goal", ["Maximize", "Minimize"])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_neither_wins_nor_stays_champion(goal: str, number: float) -> None:
    rules = policy(goal=goal)
    assert judged(0.5, number, rules) == (False, R.METRIC_NOT_FINITE)
    assert judged(number, 0.5, rules) == (True, R.BETTER)
    assert judged(number, number, rules) == (False, R.METRIC_NOT_FINITE)


def test_what_is_no_number_does_not_help_a_model_below_the_threshold() -> None:
    assert judged(math.nan, 0.5, policy(threshold=0.6)) == (False, R.BELOW_THRESHOLD)


def test_a_champion_that_cannot_be_compared_stays() -> None:
    assert judged(None, 0.9, policy()) == (False, R.CHAMPION_NOT_COMPARABLE)
    verdict = judge(Score(1, None), Score(2, 0.9), [Score(3, 0.95)], policy())
    assert verdict.champion == 1


def test_a_candidate_that_is_the_champion_stays_it() -> None:
    verdict = judge(Score(2, 0.9), Score(2, 0.9), [Score(1, 0.8), Score(3, 0.9)], policy())
    assert (verdict.champion, verdict.reason) == (2, R.ALREADY_CHAMPION)


@pytest.mark.parametrize(
    ("candidate", "rivals", "champion", "reason"),
    [
        (Score(2, 0.8), [Score(3, 0.9)], 3, R.BEATEN_BY_RIVAL),
        (Score(3, 0.9), [Score(2, 0.8)], 3, R.BETTER),
        (Score(3, 0.9), [Score(2, 0.9)], 2, R.BEATEN_BY_RIVAL),
        (Score(2, 0.9), [Score(3, 0.9)], 2, R.BETTER),
        (Score(2, 0.6), [Score(3, 0.9)], 3, R.NOT_BETTER),
        (Score(2, math.nan), [Score(3, 0.9)], 3, R.METRIC_NOT_FINITE),
        (Score(2, 0.9), [Score(3, math.nan), Score(4, None)], 2, R.BETTER),
        (Score(2, 0.6), [Score(3, 0.5), Score(4, math.nan)], 1, R.NOT_BETTER),
    ],
)
def test_of_trainings_that_race_the_best_wins_and_the_earliest_of_equals(
    candidate: Score, rivals: list[Score], champion: int, reason: PromotionReason
) -> None:
    verdict = judge(Score(1, 0.7), candidate, rivals, policy())
    assert (verdict.champion, verdict.reason) == (champion, reason)


def test_the_least_improvement_counts_among_rivals_too() -> None:
    rules = policy(min_improvement=0.1)
    verdict = judge(Score(1, 0.6), Score(3, 0.75), [Score(2, 0.7)], rules)
    assert (verdict.champion, verdict.reason) == (2, R.BEATEN_BY_RIVAL)
    assert "by less than 0.1" in verdict.message


def test_messages_tell_the_numbers() -> None:
    message = judge(Score(7, 0.8), Score(9, 0.75), [], policy()).message
    assert message == "f1 0.75 against 0.8 of version 7"
    message = judge(None, Score(9, 0.75), [], policy(threshold=0.8)).message
    assert message == "f1 0.75 does not reach the threshold 0.8"


scores = st.sampled_from([None, math.nan, 0.1, 0.2, 0.25, 0.3, 0.5, 0.9])
fields = st.lists(scores, min_size=1, max_size=5)
rules_drawn = st.builds(
    policy,
    goal=st.sampled_from(["Maximize", "Minimize"]),
    min_improvement=st.sampled_from([0.0, 0.1]),
    threshold=st.sampled_from([None, 0.25]),
)


@given(scores, fields, rules_drawn)
def test_every_racer_comes_to_the_same_champion(
    champion: float | None, values: list[float | None], rules: Promotion
) -> None:
    racers = [Score(number, value) for number, value in enumerate(values, 2)]
    verdicts = {
        judge(
            Score(1, champion), mine, [other for other in racers if other is not mine], rules
        ).champion
        for mine in racers
    }
    assert len(verdicts) == 1


@given(scores, fields, rules_drawn)
def test_judging_again_from_what_was_found_finds_the_same(
    champion: float | None, values: list[float | None], rules: Promotion
) -> None:
    start = Score(1, champion)
    racers = [Score(number, value) for number, value in enumerate(values, 2)]
    by_number = {score.version: score for score in (start, *racers)}
    found = judge(start, racers[0], racers[1:], rules).champion
    assert found is not None
    others = [score for score in racers if score.version != found]
    for mine in others:
        rivals = [score for score in others if score is not mine]
        assert judge(by_number[found], mine, rivals, rules).champion == found


def test_the_mode_does_not_change_the_verdict() -> None:
    manual = judge(Score(1, 0.7), Score(2, 0.8), [], policy(mode="Manual"))
    assert (manual.champion, manual.reason) == (2, R.BETTER)


def test_a_version_that_is_judged_again_has_the_turn_of_its_new_judgement() -> None:
    rules = policy(min_improvement=0.1)
    old = Score(1, 0.7, (3, 1))
    assert judge(Score(2, 0.5), Score(3, 0.65), [old], rules).champion == 3
    assert judge(Score(2, 0.5), old, [Score(3, 0.65)], rules).champion == 3
    assert judge(Score(2, 0.5), Score(3, 0.65), [Score(1, 0.7)], rules).champion == 1


def test_every_reason_has_a_meaning_in_the_reference() -> None:
    assert set(MEANINGS) == set(PromotionReason)
