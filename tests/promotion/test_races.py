"""Whatever the order of their requests, racing trainings leave the right champion."""

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from promotion.racing import METRIC, Entry, Quality, Racer, Schedule, Store, race
from retrain_core.spec import Promotion
from retrain_trainer.registry.alias import AliasRecord
from retrain_trainer.registry.race import MANUAL_ALIAS
from retrain_trainer.registry.versions import DECISION, PROMOTED, WITHDRAWN, Model
from support.examples import examples

VALUES = st.sampled_from([0.5, 0.6, 0.65, 0.7, 0.72, 0.75, 0.8, 0.9, math.nan])
SCHEDULES = st.builds(
    Schedule,
    turns=st.lists(st.integers(0, 5), max_size=80),
    quantum=st.integers(1, 8),
)
POLICIES = st.builds(
    Promotion,
    metric=st.just(METRIC),
    goal=st.sampled_from(["Maximize", "Minimize"]),
    min_improvement=st.sampled_from([0.0, 0.05, 0.1]),
    threshold=st.sampled_from([None, 0.6, 0.75]),
)
DATA = ("today", "tomorrow", "yesterday")
CRASHES = st.one_of(st.none(), st.integers(0, 60))
many = settings(max_examples=examples(100))


def entries(
    *data: str, crashes: bool = False, values: st.SearchStrategy[float] = VALUES
) -> st.SearchStrategy[list[Entry]]:
    """Two to four trainings, each on one of ``data``."""
    # On data other than its own a model may turn out not to be measurable.
    entry = st.sampled_from(data).flatmap(
        lambda own: st.builds(
            Entry,
            quality=st.fixed_dictionaries(
                {name: values if name == own else st.one_of(values, st.none()) for name in data}
            ),
            data=st.just(own),
            crash_at=CRASHES if crashes else st.none(),
        )
    )
    return st.lists(entry, min_size=2, max_size=4)


def store_with_champion(value: float | None) -> Store:
    """A registry whose champion has ``value``; None: there is no champion yet."""
    store = Store()
    if value is not None:
        number = store.add_decided(value, promoted=True, quality={"today": value})
        store.aliases["champion"] = number
    return store


def gain(policy: Promotion, value: float, other: float) -> float:
    return value - other if policy.goal == "Maximize" else other - value


def eligible(policy: Promotion, value: float, champion: float | None) -> bool:
    """Whether a version may take over from ``champion`` at all."""
    if math.isnan(value):
        return False
    if policy.threshold is not None and gain(policy, value, policy.threshold) < 0:
        return False
    if champion is None or math.isnan(champion):
        return True
    better = gain(policy, value, champion)
    return better > 0 and better >= policy.min_improvement - 1e-9


def one_after_another(store: Store, start: int | None, policy: Promotion) -> int | None:
    """The champion that the versions above ``start`` leave when trained one by one."""
    champion = start
    for number in range((start or 0) + 1, len(store.tags) + 1):
        best = None if champion is None else store.quality[champion]["today"]
        value = store.quality[number]["today"]
        assert value is not None
        if eligible(policy, value, best):
            champion = number
    return champion


def of_number(racers: list[Racer], number: int) -> Racer | None:
    return next((racer for racer in racers if racer.number == number), None)


@many
@given(st.one_of(st.none(), VALUES), entries("today"), POLICIES, SCHEDULES)
def test_a_race_ends_as_the_same_trainings_one_after_another(
    before: float | None, racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    store = store_with_champion(before)
    start = store.aliases.get("champion")
    race(store, racing, policy, schedule)
    assert store.aliases.get("champion") == one_after_another(store, start, policy)


@many
@given(st.one_of(st.none(), VALUES), entries("today", crashes=True), POLICIES, SCHEDULES)
def test_a_race_whose_racers_crash_anywhere_and_come_back_ends_the_same(
    before: float | None, racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    store = store_with_champion(before)
    start = store.aliases.get("champion")
    race(store, racing, policy, schedule)
    assert len(store.tags) == len(racing) + (start or 0)
    assert store.aliases.get("champion") == one_after_another(store, start, policy)


@many
@given(st.one_of(st.none(), VALUES), entries("today", crashes=True), POLICIES, SCHEDULES)
def test_no_eligible_version_of_a_race_is_better_than_the_champion_it_leaves(
    before: float | None, racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    store = store_with_champion(before)
    racers = race(store, racing, policy, schedule)
    champion = store.aliases.get("champion")
    left = None if champion is None else store.quality[champion]["today"]
    values = [racer.entry.value or math.nan for racer in racers]
    could = [value for value in values if eligible(policy, value, before)]
    if left is None or math.isnan(left):
        assert not could
    for value in could:
        assert left is not None
        assert not eligible(policy, value, left), "a better version than the champion"


@many
@given(st.one_of(st.none(), VALUES), entries("today", crashes=True), POLICIES, SCHEDULES)
def test_every_version_of_a_race_is_decided_and_its_tags_agree_with_the_alias(
    before: float | None, racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    store = store_with_champion(before)
    racers = race(store, racing, policy, schedule)
    champion = store.aliases.get("champion")
    record = AliasRecord.of(Model({}, store.model_tags), "champion")
    assert record.agrees(champion) or not store.set_by
    for racer in racers:
        assert racer.number is not None
        assert DECISION in store.tags[racer.number]
        assert f"{WITHDRAWN}.champion" not in store.tags[racer.number], "no person was at work"
        if racer.number == champion:
            assert store.tags[racer.number][PROMOTED] == "true"
        value = racer.entry.value
        assert value is not None
        if not eligible(policy, value, before):
            assert store.tags[racer.number][PROMOTED] == "false"


@many
@given(entries("today", crashes=True), POLICIES, SCHEDULES)
def test_a_better_champion_from_before_the_race_stays_and_nobody_moves_the_alias(
    racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    best = 1.0 if policy.goal == "Maximize" else 0.0
    store = store_with_champion(best)
    race(store, racing, policy, schedule)
    assert store.aliases == {"champion": 1}
    assert store.set_by == []


@many
@given(entries("today", crashes=True, values=st.just(math.nan)), POLICIES, SCHEDULES)
def test_a_race_of_models_that_are_no_number_promotes_nobody(
    racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    store = store_with_champion(None)
    racers = race(store, racing, policy, schedule)
    assert store.aliases == {}
    assert {racer.decision.reason for racer in racers if racer.decision} == {"MetricNotFinite"}


@many
@given(st.one_of(st.none(), VALUES), entries("today", crashes=True), POLICIES, SCHEDULES)
def test_a_manual_race_sets_nothing_but_the_challenger_and_the_right_one(
    before: float | None, racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    manual = policy.model_copy(update={"mode": "Manual"})
    store = store_with_champion(before)
    start = store.aliases.get("champion")
    racers = race(store, racing, manual, schedule)
    assert {alias for alias, _ in store.set_by} <= {MANUAL_ALIAS}
    assert store.aliases.get("champion") == start
    assert not any(racer.decision.promoted for racer in racers if racer.decision)
    found = one_after_another(store, start, policy)
    assert store.aliases.get(MANUAL_ALIAS) == (found if found != start else None)


def store_measured_on_all(before: float | None) -> Store:
    store = Store()
    if before is not None:
        quality: Quality = dict.fromkeys(DATA, before)
        store.aliases["champion"] = store.add_decided(before, promoted=True, quality=quality)
    return store


def entry(data: str, today: float | None, tomorrow: float | None, yesterday: float | None) -> Entry:
    return Entry({"today": today, "tomorrow": tomorrow, "yesterday": yesterday}, data)


@many
@given(st.one_of(st.none(), VALUES), entries(*DATA), POLICIES, SCHEDULES)
# Two on the same data began with different champions, and would move the alias for ever.
@example(
    0.6,
    [
        entry("today", 0.6, 0.5, 0.5),
        entry("tomorrow", 0.5, 0.6, None),
        entry("yesterday", 0.5, 0.5, 0.5),
        entry("tomorrow", None, 0.5, 0.6),
    ],
    Promotion(metric=METRIC, goal="Minimize"),
    Schedule(turns=[0, 1, 2, 3], quantum=8),
)
def test_racers_with_different_data_leave_a_champion_that_the_last_of_them_stands_by(
    before: float | None, racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    store = store_measured_on_all(before)
    racers = race(store, racing, policy, schedule)
    champion = store.aliases.get("champion")
    last = max(racers, key=lambda racer: racer.number or 0)
    value = last.entry.value
    assert value is not None
    if champion is None:
        assert not eligible(policy, value, None)
        return
    left = store.quality[champion][last.entry.data]
    if champion != last.number and left is not None:
        assert not eligible(policy, value, left), "the last training found its own model better"


@many
@given(st.one_of(st.none(), VALUES), entries(*DATA, crashes=True), POLICIES, SCHEDULES)
def test_racers_with_different_data_that_crash_and_come_back_all_end_with_a_champion(
    before: float | None, racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    store = store_measured_on_all(before)
    racers = race(store, racing, policy, schedule)
    champion = store.aliases.get("champion")
    able = {r.number for r in racers if eligible(policy, r.entry.value or math.nan, None)}
    assert all(DECISION in store.tags[racer.number or 0] for racer in racers)
    if before is None:
        assert (champion in able) if able else (champion is None)
    else:
        assert champion in {1, *able}


@many
@given(entries(*DATA, crashes=True), POLICIES, SCHEDULES)
def test_recorded_numbers_count_on_whatever_data_when_the_champion_is_never_evaluated(
    racing: list[Entry], policy: Promotion, schedule: Schedule
) -> None:
    never = policy.model_copy(update={"evaluate_champion": "Never"})
    store = Store()
    racers = race(store, racing, never, schedule)
    assert not any(racer.measured for racer in racers)
    for number, quality in store.quality.items():
        racer = of_number(racers, number)
        assert racer is not None
        quality["today"] = racer.entry.value
    assert store.aliases.get("champion") == one_after_another(store, None, policy)
