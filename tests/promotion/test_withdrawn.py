"""What a person does to the alias stays: the version it was taken from is withdrawn."""

import json
import uuid

import pytest

from promotion.racing import METRIC, Entry, Racer, Store, train, version_tags
from retrain_core.spec import Promotion
from retrain_trainer.registry.alias import AliasRecord, key
from retrain_trainer.registry.claim import ABANDONED, CLAIM
from retrain_trainer.registry.race import MANUAL_ALIAS
from retrain_trainer.registry.versions import LOCK_MD5, MODEL_MD5, WITHDRAWN

POLICY = Promotion(metric=METRIC)
MANUAL = Promotion(metric=METRIC, mode="Manual")
MARK = f"{WITHDRAWN}.champion"


@pytest.fixture
def store() -> Store:
    """Version 1, and version 2, which was better and is the champion."""
    store = Store()
    for value in (0.5, 0.8):
        train(store, POLICY, value)
    return store


def again(store: Store, number: int, policy: Promotion = POLICY) -> str:
    """The reason of the run that has the state of version ``number``."""
    racer = Racer(f"again-{uuid.uuid4()}", Entry(store.quality[number]), store, policy)
    racer.again = number
    racer.finish()
    assert racer.decision is not None
    return str(racer.decision.reason)


def withdrawn(store: Store) -> set[int]:
    return {number for number, tags in store.tags.items() if MARK in tags}


def record(store: Store, alias: str = "champion") -> dict[str, object]:
    found: dict[str, object] = json.loads(store.model_tags[key(alias)])
    return found


def test_each_move_of_ours_is_recorded_and_done(store: Store) -> None:
    assert record(store) | {"sequence": 0} == {
        "sequence": 0,
        "from": 1,
        "to": 2,
        "done": True,
        "by": 2,
    }


def test_a_rollback_stays_when_the_state_that_was_rolled_back_runs_again(store: Store) -> None:
    store.aliases["champion"] = 1
    assert again(store, 2) == "Withdrawn"
    assert again(store, 2) == "Withdrawn"
    assert store.aliases["champion"] == 1
    assert withdrawn(store) == {2}


def test_the_reason_says_in_words_what_happened_and_what_to_do(store: Store) -> None:
    store.aliases["champion"] = 1
    racer = Racer("again", Entry({"today": 0.8}), store, POLICY)
    racer.again = 2
    racer.finish()
    assert racer.decision is not None
    said = racer.decision.message
    assert "a person has taken the alias champion from version 2" in said
    assert "Set the alias on version 2 by hand" in said


def test_a_rollback_is_noticed_by_whatever_run_comes_next(store: Store) -> None:
    store.aliases["champion"] = 1
    assert str(train(store, POLICY, 0.6).decision.reason) == "Better"  # type: ignore[union-attr]
    assert withdrawn(store) == {2}
    assert again(store, 2) == "Withdrawn"
    assert store.aliases["champion"] == 3


def test_an_alias_that_was_deleted_is_the_same_as_one_that_was_moved(store: Store) -> None:
    del store.aliases["champion"]
    assert again(store, 2) == "Withdrawn"
    assert store.aliases == {}
    assert again(store, 1) == "FirstChampion"


@pytest.mark.parametrize("tag", [LOCK_MD5, MODEL_MD5])
def test_a_version_with_the_same_lock_or_the_same_model_is_withdrawn_too(
    store: Store, tag: str
) -> None:
    store.tags[2][tag] = "5eb63bbbe01eeed093cb22bb8f5acdc3"
    store.aliases["champion"] = 1
    again(store, 1)
    twin = Racer("twin", Entry({"today": 0.8}), store, POLICY)
    number = store.create(
        version_tags("twin", 0.8, "today") | {tag: store.tags[2][tag]}, {"today": 0.8}
    )
    twin.number = number
    twin.finish()
    assert twin.decision is not None
    assert twin.decision.reason == "Withdrawn"


def test_a_person_who_sets_the_alias_again_ends_it(store: Store) -> None:
    store.aliases["champion"] = 1
    again(store, 2)
    store.aliases["champion"] = 2
    assert again(store, 2) == "AlreadyChampion"
    assert 2 not in withdrawn(store)


def test_an_interrupted_move_withdraws_nothing(store: Store) -> None:
    """Its process ended between its intention and its end; nobody came back for it."""
    intended = AliasRecord(sequence=9, before=2, to=1, done=False, by=1)
    store.model_tags[key("champion")] = intended.text()
    for held in (1, 2):
        store.aliases["champion"] = held
        again(store, 2)
        assert withdrawn(store) == set()


def test_while_another_training_may_be_moving_the_alias_nobody_is_blamed(store: Store) -> None:
    racer = Racer("at work", Entry({"today": 0.9}), store, POLICY)
    racer.move_to("set_alias")
    racer.move()
    again(store, 1)
    racer.finish()
    assert withdrawn(store) == set()
    assert store.aliases["champion"] == 3
    assert record(store)["to"] == 3


def test_a_claim_of_a_training_that_never_came_back_hides_no_rollback_for_ever(
    store: Store,
) -> None:
    number = store.create(version_tags("gone", 0.1, "today"), {"today": 0.1})
    store.tags[number][CLAIM] = f"2 champion {1_700_000_000 - ABANDONED}"
    store.aliases["champion"] = 1
    assert again(store, 2) == "Withdrawn"


def test_who_accepts_a_proposal_withdraws_nothing() -> None:
    store = Store()
    train(store, POLICY, 0.5)
    train(store, MANUAL, 0.9)
    assert store.aliases == {"champion": 1, MANUAL_ALIAS: 2}
    store.aliases["champion"] = 2
    del store.aliases[MANUAL_ALIAS]
    assert again(store, 2, MANUAL) == "AlreadyChampion"
    assert again(store, 1, MANUAL) == "NotBetter"
    assert not any(key.startswith(WITHDRAWN) for tags in store.tags.values() for key in tags)


def test_who_rejects_a_proposal_is_not_asked_again() -> None:
    store = Store()
    train(store, POLICY, 0.5)
    train(store, MANUAL, 0.9)
    del store.aliases[MANUAL_ALIAS]
    assert again(store, 2, MANUAL) == "Withdrawn"
    assert store.aliases == {"champion": 1}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sequence": "x", "from": 1, "to": 2}'])
def test_a_record_that_makes_no_sense_is_written_anew(store: Store, text: str) -> None:
    store.model_tags[key("champion")] = text
    store.aliases["champion"] = 1
    assert again(store, 1) == "AlreadyChampion"
    assert withdrawn(store) == set()
    assert record(store)["to"] == 1
