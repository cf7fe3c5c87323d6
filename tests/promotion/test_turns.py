"""The orders of requests in which racing trainings used to lose a champion, one by one."""

import pytest

from promotion.racing import METRIC, Entry, Racer, Store
from retrain_core.spec import Promotion
from retrain_trainer.registry.claim import CLAIM
from retrain_trainer.registry.versions import DECISION, PROMOTED

POLICY = Promotion(metric=METRIC)


@pytest.fixture
def store() -> Store:
    """A registry with a champion of 0.5."""
    store = Store()
    quality: dict[str, float | None] = {"today": 0.5, "tomorrow": 0.5}
    store.aliases["champion"] = store.add_decided(0.5, promoted=True, quality=quality)
    return store


def racer(store: Store, name: str, value: float, policy: Promotion = POLICY) -> Racer:
    """A training that has registered its version, and asked nothing yet."""
    found = Racer(name, Entry({"today": value}), store, policy)
    found.move()
    return found


def test_a_version_that_registers_and_wins_between_two_looks_is_no_surprise(store: Store) -> None:
    slow = racer(store, "slow", 0.6)
    slow.move_to("versions")
    slow.move_to("model")
    slow.move_to("versions")
    racer(store, "quick", 0.9).finish()
    slow.finish()
    assert slow.decision is not None
    assert slow.decision.reason == "BeatenByRival"
    assert store.aliases["champion"] == 3


def test_a_late_write_over_a_decided_better_version_is_taken_back(store: Store) -> None:
    slow = racer(store, "slow", 0.6)
    slow.move_to("set_alias")
    racer(store, "better", 0.9).finish()
    slow.move()
    assert store.aliases["champion"] == slow.number
    slow.finish()
    assert store.aliases["champion"] == 3


def test_a_training_that_starts_from_a_late_write_does_not_hide_the_version_it_hid(
    store: Store,
) -> None:
    slow = racer(store, "slow", 0.6)
    slow.move_to("set_alias")
    racer(store, "best", 0.9).finish()
    slow.move()
    third = racer(store, "third", 0.7)
    third.move_to("set_alias")
    slow.finish()
    third.finish()
    assert store.aliases["champion"] == 3


def test_a_training_that_starts_from_a_late_repair_does_not_hide_what_came_after(
    store: Store,
) -> None:
    slow = racer(store, "slow", 0.6)
    slow.move_to("set_alias")
    racer(store, "better", 0.7).finish()
    slow.move()
    slow.move_to("set_alias")
    racer(store, "best", 0.9).finish()
    slow.move()
    assert store.aliases["champion"] == 3
    fourth = racer(store, "fourth", 0.8)
    fourth.move_to("set_alias")
    slow.finish()
    fourth.finish()
    assert store.aliases["champion"] == 4


def test_two_that_start_from_different_champions_agree_on_the_improvement_that_counts(
    store: Store,
) -> None:
    policy = Promotion(metric=METRIC, min_improvement=0.1)
    first = racer(store, "first", 0.7, policy)
    first.move_to("set_alias")
    first.move()
    second = racer(store, "second", 0.75, policy)
    second.finish()
    first.finish()
    assert store.aliases["champion"] == first.number
    assert first.decision is not None
    assert second.decision is not None
    assert first.decision.promoted
    assert not second.decision.promoted
    assert second.decision.reason == "ImprovementTooSmall"


def test_an_older_training_on_other_data_gives_way_to_the_later_judgement(store: Store) -> None:
    older = racer(store, "older", 0.9)
    older.move_to("set_alias")
    later = Racer("later", Entry({"tomorrow": 0.6}, "tomorrow"), store, POLICY)
    store.quality[2]["tomorrow"] = 0.4
    later.finish()
    older.finish()
    assert later.decision is not None
    assert older.decision is not None
    assert later.decision.promoted
    assert older.decision.reason == "BeatenByRival"
    assert store.aliases["champion"] == later.number


def test_what_a_later_training_found_best_is_restored_even_if_it_is_not_its_own(
    store: Store,
) -> None:
    older = racer(store, "older", 0.9)
    older.move_to("set_alias")
    store.quality[2]["tomorrow"] = 0.4
    later = Racer("later", Entry({"tomorrow": 0.45}, "tomorrow"), store, POLICY)
    later.finish()
    assert later.decision is not None
    assert later.decision.reason == "NotBetter"
    older.finish()
    assert store.aliases["champion"] == 1


def test_a_decision_is_closed_by_its_reason_after_everything_else_is_written(
    store: Store,
) -> None:
    one = racer(store, "one", 0.9)
    tags = store.tags[2]
    one.move_to("set_alias")
    assert tags[CLAIM].startswith("2 champion ")
    while DECISION not in tags:
        one.move()
    assert tags[PROMOTED] == "true"
    one.finish()
