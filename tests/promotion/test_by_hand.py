"""What people do to the aliases by hand is respected."""

from dataclasses import replace

import pytest

from promotion.racing import (
    METRIC,
    Entry,
    Racer,
    SharedRegistry,
    Store,
    train,
    version_tags,
)
from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Promotion
from retrain_trainer.registry.promote import promote
from retrain_trainer.registry.race import MANUAL_ALIAS
from retrain_trainer.registry.versions import DECISION, JOB_UID, PREVIOUS, Model

POLICY = Promotion(metric=METRIC)
MANUAL = Promotion(metric=METRIC, mode="Manual")


@pytest.fixture
def store() -> Store:
    """Three versions trained one after another, each better, the third the champion."""
    store = Store()
    for value in (0.5, 0.6, 0.8):
        assert train(store, POLICY, value).decision is not None
    assert store.aliases["champion"] == 3
    return store


def reason(racer: Racer) -> str:
    assert racer.decision is not None
    return str(racer.decision.reason)


def test_the_first_version_is_the_champion_of_its_own_accord() -> None:
    store = Store()
    first = train(store, POLICY, 0.1)
    assert reason(first) == "FirstChampion"
    assert store.aliases == {"champion": 1}
    assert PREVIOUS not in store.tags[1]


def test_a_rollback_stays_when_the_next_training_is_worse(store: Store) -> None:
    store.aliases["champion"] = 1
    assert reason(train(store, POLICY, 0.4)) == "NotBetter"
    assert store.aliases["champion"] == 1


def test_after_a_rollback_a_better_training_is_promoted_though_the_rejected_one_was_better(
    store: Store,
) -> None:
    store.aliases["champion"] = 1
    next_one = train(store, POLICY, 0.7)
    assert reason(next_one) == "Better"
    assert store.aliases["champion"] == 4
    assert store.tags[4][PREVIOUS] == "1"


def test_a_rollback_while_a_training_is_judged_becomes_the_champion_to_beat(store: Store) -> None:
    racer = Racer("running", Entry({"today": 0.55}), store, POLICY)
    racer.move_to("versions")
    store.aliases["champion"] = 1
    racer.finish()
    assert racer.decision is not None
    assert racer.decision.promoted
    assert racer.decision.previous == 1


def test_an_alias_deleted_while_a_training_is_judged_means_there_is_no_champion(
    store: Store,
) -> None:
    racer = Racer("running", Entry({"today": 0.3}), store, POLICY)
    racer.move_to("versions")
    del store.aliases["champion"]
    racer.finish()
    assert reason(racer) == "FirstChampion"
    assert store.aliases["champion"] == 4


def test_an_old_version_judged_at_last_does_not_bring_back_a_rejected_one(store: Store) -> None:
    # Its metric was named wrongly at first: it was registered, and its promotion stayed open.
    store.tags[1] = version_tags("racer-0", 0.5, "today")
    store.aliases["champion"] = 2
    racer = Racer("again", Entry({"today": 0.5}), store, POLICY)
    racer.number = 1
    racer.finish()
    assert reason(racer) == "NotBetter"
    assert store.aliases["champion"] == 2


def test_an_attempt_that_comes_back_after_its_decision_says_the_same_and_moves_nothing(
    store: Store,
) -> None:
    before = train(store, POLICY, 0.9)
    store.aliases["champion"] = 3
    racer = Racer("again", Entry({"today": 0.9}), store, POLICY)
    racer.number = before.number
    racer.finish()
    assert racer.decision == before.decision
    assert store.aliases["champion"] == 3


def test_versions_that_others_registered_are_no_rivals(store: Store) -> None:
    theirs = store.add_decided(0.99, promoted=False, quality={"today": 0.99})
    del store.tags[theirs][JOB_UID]
    del store.tags[theirs][DECISION]
    assert reason(train(store, POLICY, 0.85)) == "Better"
    assert store.aliases["champion"] == 5


def test_manual_leaves_the_champion_alone_and_says_how_to_promote(store: Store) -> None:
    racer = train(store, MANUAL, 0.9)
    assert reason(racer) == "PromotionIsManual"
    assert racer.decision is not None
    assert not racer.decision.promoted
    assert "setting the alias champion" in racer.decision.message
    assert store.aliases == {"champion": 3, MANUAL_ALIAS: 4}


def test_manual_sets_no_challenger_that_is_not_better_than_the_champion(store: Store) -> None:
    assert reason(train(store, MANUAL, 0.7)) == "NotBetter"
    assert store.aliases == {"champion": 3}


def test_a_challenger_that_waits_is_replaced_by_a_better_one_only(store: Store) -> None:
    train(store, MANUAL, 0.9)
    assert reason(train(store, MANUAL, 0.85)) == "NotBetter"
    assert store.aliases[MANUAL_ALIAS] == 4
    assert reason(train(store, MANUAL, 0.95)) == "PromotionIsManual"
    assert store.aliases == {"champion": 3, MANUAL_ALIAS: 6}


def test_a_challenger_promoted_by_hand_is_the_champion_that_the_next_must_beat(
    store: Store,
) -> None:
    train(store, MANUAL, 0.9)
    store.aliases["champion"] = 4
    assert reason(train(store, MANUAL, 0.85)) == "NotBetter"
    assert reason(train(store, POLICY, 0.95)) == "Better"
    assert store.aliases["champion"] == 6


def test_other_alias_names_are_left_alone(store: Store) -> None:
    train(store, Promotion(metric=METRIC, alias="production"), 0.1)
    assert store.aliases == {"champion": 3, "production": 4}


class Restless(SharedRegistry):
    """Somebody gives the alias back to version 1 whenever it was set."""

    def model(self) -> Model:
        return replace(super().model(), aliases={"champion": 1})


def test_an_alias_that_never_comes_to_rest_is_told_as_a_fault(store: Store) -> None:
    train(store, POLICY, 0.1)
    version = store.get(store.create(version_tags("new", 0.9, "today"), {"today": 0.9}))
    with pytest.raises(RunFailed, match="alias champion was moved") as caught:
        promote(Restless(store, lambda _: None), version, POLICY, lambda _: (None, ""))
    assert caught.value.reason is Reason.INTERNAL_ERROR
