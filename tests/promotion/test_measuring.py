"""When the champion is measured again, and what comes of it where that fails."""

from typing import Literal

import pytest

from promotion.racing import METRIC, Entry, Racer, Store
from retrain_core.spec import Promotion

How = Literal["WhenDataChanged", "Always", "Never"]


def store_with(data: str, recorded: float | None, today: float | None) -> Store:
    """A registry whose champion has a recorded metric on ``data`` and another one today."""
    store = Store()
    number = store.add_decided(recorded, data=data, promoted=True, quality={"today": today})
    store.aliases["champion"] = number
    return store


def trained(store: Store, value: float, how: How) -> Racer:
    policy = Promotion(metric=METRIC, evaluate_champion=how)
    racer = Racer("new", Entry({"today": value}), store, policy)
    racer.finish()
    assert racer.decision is not None
    return racer


@pytest.mark.parametrize(
    ("how", "data", "measured"),
    [
        ("WhenDataChanged", "today", []),
        ("WhenDataChanged", "last-week", [1]),
        ("Always", "today", [1]),
        ("Always", "last-week", [1]),
        ("Never", "today", []),
        ("Never", "last-week", []),
    ],
)
def test_the_champion_is_measured_once_and_only_when_it_must_be(
    how: How, data: str, measured: list[int]
) -> None:
    assert trained(store_with(data, 0.5, 0.5), 0.6, how).measured == measured


def test_on_changed_data_today_s_number_counts_and_is_told() -> None:
    racer = trained(store_with("last-week", 0.9, 0.4), 0.6, "WhenDataChanged")
    assert racer.decision is not None
    assert racer.decision.promoted
    assert (racer.decision.candidate, racer.decision.champion) == (0.6, 0.4)


def test_never_compares_the_recorded_numbers_whatever_they_were_measured_on() -> None:
    racer = trained(store_with("last-week", 0.9, 0.4), 0.6, "Never")
    assert racer.decision is not None
    assert not racer.decision.promoted
    assert racer.decision.champion == 0.9


def test_a_champion_without_a_recorded_metric_is_measured() -> None:
    racer = trained(store_with("today", None, 0.7), 0.6, "WhenDataChanged")
    assert racer.measured == [1]
    assert racer.decision is not None
    assert racer.decision.reason == "NotBetter"


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("WhenDataChanged", "its evaluation fails"),
        ("Always", "its evaluation fails"),
        ("Never", "version 1 has no recorded f1"),
    ],
)
def test_a_champion_that_cannot_be_compared_stays_and_the_reason_says_why(
    how: How, why: str
) -> None:
    store = store_with("last-week", None, None)
    racer = trained(store, 0.99, how)
    assert racer.decision is not None
    assert racer.decision.reason == "ChampionNotComparable"
    assert why in racer.decision.message
    assert store.aliases["champion"] == 1


def test_without_a_champion_nothing_is_measured() -> None:
    assert trained(Store(), 0.5, "Always").measured == []


def test_a_champion_moved_by_hand_meanwhile_is_measured_too() -> None:
    store = store_with("last-week", 0.5, 0.5)
    store.add_decided(0.5, data="last-week", promoted=True, quality={"today": 0.55})
    racer = Racer("new", Entry({"today": 0.6}), store, Promotion(metric=METRIC))
    racer.move_to("versions")
    store.aliases["champion"] = 2
    racer.finish()
    assert racer.measured == [2]
    assert racer.decision is not None
    assert racer.decision.champion == 0.55
    assert store.aliases["champion"] == 3
