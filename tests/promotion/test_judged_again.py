"""Versions that were decided before are judged again when their state comes back."""

import math
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st

from promotion.racing import (
    METRIC,
    Entry,
    Racer,
    Store,
    race,
    train,
)
from promotion.test_races import POLICIES, SCHEDULES, VALUES, eligible
from retrain_core.spec import Promotion
from retrain_trainer.registry.versions import EVALUATION

POLICY = Promotion(metric=METRIC)
CRASHES = st.one_of(st.none(), st.integers(0, 60))


def again(store: Store, number: int, data: str, policy: Promotion = POLICY) -> Racer:
    """The run of a version's state on ``data``, from its start to its end."""
    racer = Racer(f"again-{uuid.uuid4()}", Entry(store.quality[number], data), store, policy)
    racer.again = number
    racer.finish()
    assert racer.decision is not None
    return racer


def test_the_better_version_wins_back_when_its_data_come_back() -> None:
    store = Store()
    first = train(store, POLICY, 0.9, "A")
    store.quality[1]["B"] = 0.2
    second = train(store, POLICY, 0.7, "B")
    assert first.decision is not None
    assert second.decision is not None
    assert store.aliases["champion"] == 2
    store.quality[2]["A"] = 0.6
    racer = again(store, 1, "A")
    assert racer.decision is not None
    assert (racer.decision.reason, racer.decision.previous) == ("Better", 2)
    assert store.aliases["champion"] == 1


def test_where_nothing_is_to_be_moved_nothing_is_written() -> None:
    store = Store()
    train(store, POLICY, 0.9)
    train(store, POLICY, 0.5)
    before = ({n: dict(tags) for n, tags in store.tags.items()}, dict(store.model_tags))
    for number, reason in ((1, "AlreadyChampion"), (2, "NotBetter")):
        racer = again(store, number, "today")
        assert racer.decision is not None
        assert racer.decision.reason == reason
        assert racer.decision.promoted == (number == 1)
    store.tags[1] |= {key: before[0][1][key] for key in store.tags[1].keys() & before[0][1].keys()}
    assert store.model_tags == before[1]
    assert len(store.set_by) == 1


def test_a_policy_that_is_added_later_is_applied_to_the_version_that_is_there() -> None:
    store = Store()
    store.add_decided(0.4, promoted=False, quality={"today": 0.4})
    high = Promotion(metric=METRIC, threshold=0.5)
    assert again(store, 1, "today", high).decision.reason == "BelowThreshold"  # type: ignore[union-attr]
    assert store.aliases == {}
    assert again(store, 1, "today").decision.reason == "FirstChampion"  # type: ignore[union-attr]
    renamed = Promotion(metric=METRIC, alias="production")
    assert again(store, 1, "today", renamed).decision.promoted  # type: ignore[union-attr]
    assert store.aliases == {"champion": 1, "production": 1}


def test_a_champion_below_a_threshold_that_was_raised_stays_and_is_told_so() -> None:
    store = Store()
    train(store, POLICY, 0.4)
    decision = again(store, 1, "today", Promotion(metric=METRIC, threshold=0.5)).decision
    assert decision is not None
    assert (decision.reason, decision.promoted) == ("BelowThreshold", True)
    assert "stays the champion" in decision.message


def test_a_champion_that_is_another_output_of_the_pipeline_gives_way() -> None:
    store = Store()
    train(store, POLICY, 0.9)
    store.tags[1]["retrain.dev/model-path"] = "predictions.csv"
    racer = Racer("right file", Entry({"today": 0.3}), store, POLICY)
    racer.other_files = {"predictions.csv", "vocab.txt"}
    racer.finish()
    assert racer.decision is not None
    assert racer.decision.reason == "ChampionIsAnotherFile"
    assert racer.measured == []
    assert store.aliases["champion"] == 2


def test_a_version_whose_measure_is_unknown_is_not_compared_by_its_number() -> None:
    store = Store()
    train(store, POLICY, 0.9)
    for tags in store.tags.values():
        del tags[EVALUATION]
    store.quality[1]["today"] = None
    racer = train(store, POLICY, 0.95)
    assert racer.decision is not None
    assert racer.decision.reason == "ChampionNotComparable"


@settings(max_examples=200)
@given(
    st.lists(VALUES, min_size=1, max_size=3),
    st.lists(st.tuples(VALUES, CRASHES), min_size=1, max_size=2),
    st.data(),
    POLICIES,
    SCHEDULES,
)
def test_versions_judged_again_while_others_train_leave_no_better_one_behind(
    before: list[float],
    new: list[tuple[float, int | None]],
    data: st.DataObject,
    policy: Promotion,
    schedule: object,
) -> None:
    store = Store()
    for value in before:
        train(store, policy, value)
    old = data.draw(st.sets(st.integers(1, len(before)), min_size=1, max_size=2))
    racers = [
        Racer(f"new-{n}", Entry({"today": value}, crash_at=crash), store, policy)
        for n, (value, crash) in enumerate(new)
    ]
    for number in sorted(old):
        racer = Racer(f"old-{number}", Entry(store.quality[number]), store, policy)
        racer.again = number
        racers.append(racer)
    race(store, [], policy, schedule, racers)  # type: ignore[arg-type]
    champion = store.aliases.get("champion")
    left = store.quality[champion]["today"] if champion else None
    for racer in racers:
        assert racer.decision is not None
        value = racer.entry.value or 0.0
        assert racer.decision.reason != "Withdrawn", "no person was at work"
        if left is None or math.isnan(left):
            assert not eligible(policy, value, None)
        else:
            assert not eligible(policy, value, left), "a better version than the champion"
