"""Which Events a look leads to."""

from typing import Any

from plan.triggering import Life
from retrain_core.evidence import Unseen
from retrain_operator.plan.schedule.events import events_to_send
from retrain_operator.plan.types import EventToSend
from seen import DATA, QUALITY, RELEASE, data, metric, tag


def events(life: Life, **seen: Any) -> list[EventToSend]:
    """What the operator tells of one check, pass by pass."""
    life.settle()
    life.check(**seen)
    told: list[EventToSend] = []
    for _ in range(5):
        decided = life.planned()
        assert decided.status is not None
        told += events_to_send(life.schedule, decided.status)
        life.step()
    return told


def test_each_trigger_tells_what_it_has_found_also_where_it_starts_nothing() -> None:
    life = Life.of(QUALITY, DATA)
    told = events(life, quality=metric(0.95), data=data("a"))
    assert [(one.reason, one.warning) for one in told] == [
        ("WithinThreshold", False),
        ("Recorded", False),
    ]
    assert told[0].note == "trigger quality: 0.95 is not below 0.9."


def test_a_number_that_is_another_at_each_check_is_no_news() -> None:
    life = Life.of(QUALITY)
    assert len(events(life, quality=metric(0.95))) == 1
    assert events(life, quality=metric(0.96)) == []
    assert [one.reason for one in events(life, quality=metric(0.8))] == ["ThresholdCrossed"]


def test_what_is_due_and_waits_is_told_with_what_it_waits_for() -> None:
    life = Life.of(RELEASE)
    events(life, release=[])
    told = events(life, release=[tag(1), tag(2)])
    assert [one.reason for one in told] == ["NewTag", "DidNotStart"]
    assert "waits for the end of iris-release-" in told[1].note


def test_what_could_not_be_looked_at_is_a_warning_also_for_a_reason_of_a_newer_trainer() -> None:
    life = Life.of(QUALITY)
    for reason in ("NoSeries", "SomethingNew"):
        told = events(life, quality=Unseen(reason=reason, message="accuracy has no value"))
        assert told == [
            EventToSend(reason, "trigger quality: accuracy has no value.", warning=True)
        ]
        checked = life.schedule["status"]["conditions"][1]
        assert (checked["type"], checked["status"]) == ("Checked", "False")
