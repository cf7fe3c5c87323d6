"""When the process should be started anew, and when it has seen everything once."""

import pytest

from retrain_operator.runtime.health import MAX_ECHO_SECONDS, MISSED_RESYNCS, Health

PERIOD = 600.0
LATE = MAX_ECHO_SECONDS + 1


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(PERIOD, clock)


def test_a_new_process_is_alive_and_not_ready(health: Health) -> None:
    assert health.problem() is None
    assert not health.ready
    assert health.echo_lag == 0.0


def test_a_listing_makes_it_ready(health: Health) -> None:
    health.resynced(set())
    assert health.ready


def test_a_write_that_the_watch_does_not_tell_of_is_a_problem(health: Health, clock: Clock) -> None:
    health.wrote("a", 5)
    clock.now += MAX_ECHO_SECONDS
    assert health.problem() is None
    clock.now += 1
    assert health.echo_lag == LATE
    assert health.problem() == "the watch has not told of a status written 121 s ago"


@pytest.mark.parametrize(("version", "lag"), [(4, LATE), (5, 0.0), (6, 0.0)])
def test_the_watch_has_told_of_a_write_with_that_version_or_a_newer_one(
    health: Health, clock: Clock, version: int, lag: float
) -> None:
    health.wrote("a", 5)
    health.saw("a", version)
    clock.now += LATE
    assert health.echo_lag == lag


def test_what_the_watch_tells_of_another_object_is_no_echo(health: Health, clock: Clock) -> None:
    health.wrote("a", 5)
    health.saw("b", 6)
    clock.now += LATE
    assert health.problem() is not None


def test_an_object_that_is_gone_is_waited_for_no_longer(health: Health, clock: Clock) -> None:
    health.wrote("a", 5)
    health.saw("a", 4, gone=True)
    clock.now += LATE
    assert health.problem() is None


def test_a_watch_that_is_faster_than_the_answer_has_told(health: Health, clock: Clock) -> None:
    health.saw("a", 5)
    health.wrote("a", 5)
    clock.now += LATE
    assert health.problem() is None


def test_of_many_writes_the_oldest_counts(health: Health, clock: Clock) -> None:
    health.wrote("a", 5)
    clock.now += 60
    health.wrote("a", 6)
    health.wrote("b", 7)
    assert health.echo_lag == 60
    health.saw("a", 6)
    clock.now += 1
    assert health.echo_lag == 1


def test_listings_that_do_not_come_are_a_problem(health: Health, clock: Clock) -> None:
    health.resynced(set())
    clock.now += MISSED_RESYNCS * PERIOD
    assert health.problem() is None
    clock.now += 1
    assert health.problem() == "the last full listing was 1801 s ago"
    health.resynced(set())
    assert health.problem() is None


def test_a_listing_clears_what_was_written_of_an_object_that_is_gone(
    health: Health, clock: Clock
) -> None:
    """The watch has missed its deletion, and so will never tell of it."""
    health.wrote("a", 5)
    health.wrote("b", 6)
    clock.now += MAX_ECHO_SECONDS / 2
    assert not health.doubtful
    clock.now += 1
    assert health.doubtful
    health.resynced({"b"})
    health.saw("b", 6)
    assert not health.doubtful
    clock.now += LATE
    assert health.problem() is None


def test_a_watch_that_is_silent_about_what_is_there_stays_a_problem(
    health: Health, clock: Clock
) -> None:
    health.wrote("a", 5)
    clock.now += LATE
    health.resynced({"a"})
    assert health.problem() is not None


def test_an_api_server_that_was_set_back_is_a_problem_for_good(health: Health) -> None:
    health.set_back("listed at version 3, and 9 was told before")
    health.resynced(set())
    assert "was restored from a backup" in str(health.problem())
