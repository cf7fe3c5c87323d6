"""The next time of a cron expression, against another implementation and the wall clock itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_core.clock import next_time

ZONES = ["Etc/UTC", "Asia/Seoul", "America/New_York", "Europe/Berlin", "America/St_Johns"]


def field(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high)
    # croniter takes 0-0 for every day of the week.
    ends = st.lists(value, min_size=2, max_size=2, unique=True).map(sorted)
    ranges = ends.map(lambda found: f"{found[0]}-{found[1]}")
    steps = st.integers(1, high).map(lambda step: f"*/{step}")
    one = value.map(str) | ranges | steps
    return st.just("*") | one | st.lists(one, min_size=2, max_size=3).map(",".join)


expressions = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)).map(
    " ".join
)
CHANGES = [
    *(datetime(2026, 3, 8, 4), datetime(2026, 11, 1, 3)),  # New York
    *(datetime(2026, 3, 28, 23), datetime(2026, 10, 24, 22)),  # Berlin
    datetime(2028, 2, 28, 12),
]
moments = (st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)) | st.sampled_from(CHANGES)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)


@settings(max_examples=150)
@given(expressions, moments, st.sampled_from(ZONES))
def test_it_is_the_first_minute_that_another_implementation_takes_for_due(
    expression: str, after: datetime, zone: str
) -> None:
    """croniter reads the expression; which minutes there are is the wall clock's to say."""
    found = next_time(expression, zone, after)
    due = due_by_croniter(expression)
    wall = ZoneInfo(zone)
    minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    for _ in range(30 * 60):
        if due(minute.astimezone(wall)):
            assert found is not None
            assert found.astimezone(UTC) == minute
            return
        minute += timedelta(minutes=1)
    assert found is None or found >= minute


def due_by_croniter(expression: str) -> Callable[[datetime], bool]:
    minutes, hours, days, months, weekdays = (
        set(values) for values in croniter.expand(expression)[0]
    )
    fields = expression.split()

    def restricts(text: str) -> bool:
        return not {"*", "*/1"} & {*text.split(",")}

    def due(moment: datetime) -> bool:
        def within(values: set[object], value: int) -> bool:
            return "*" in values or value in values

        of_month = within(days, moment.day)
        of_week = within(weekdays, moment.isoweekday() % 7)
        both = restricts(fields[2]) and restricts(fields[4])
        day = of_month or of_week if both else of_month and of_week
        return (
            within(minutes, moment.minute)
            and within(hours, moment.hour)
            and within(months, moment.month)
            and day
        )

    return due


NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("0 0 * * 1", "Asia/Seoul", "2026-11-26T00:00:00+00:00", "2026-11-30T00:00:00+09:00"),
        ("@daily", "Etc/UTC", "2026-11-26T00:00:00+00:00", "2026-11-27T00:00:00+00:00"),
        ("0 0 29 2 *", "Etc/UTC", "2026-11-26T00:00:00+00:00", "2028-02-29T00:00:00+00:00"),
        # 02:30 is not there on the day on which the clocks leap forward.
        ("30 2 * * *", NEW_YORK, "2026-03-07T12:00:00-05:00", "2026-03-09T02:30:00-04:00"),
        # 01:30 is there twice on the day on which they go back.
        ("30 1 * * *", NEW_YORK, "2026-11-01T00:00:00-04:00", "2026-11-01T01:30:00-04:00"),
        ("30 1 * * *", NEW_YORK, "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"),
        ("30 1 * * *", NEW_YORK, "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"),
        # Kubernetes takes a step in the days for a restriction: either field is enough.
        ("0 0 */10 * MON", "Etc/UTC", "2026-11-26T00:00:00+00:00", "2026-11-30T00:00:00+00:00"),
        ("0 0 ? * MON", "Etc/UTC", "2026-11-26T00:00:00+00:00", "2026-11-30T00:00:00+00:00"),
    ],
)
def test_what_kubernetes_documents_of_zones_days_and_leaps(
    expression: str, zone: str, after: str, expected: str
) -> None:
    found = next_time(expression, zone, datetime.fromisoformat(after))
    assert found is not None
    assert found.isoformat() == expected


def test_a_day_that_never_comes_and_a_start_that_kubernetes_keeps_to_itself_have_no_time() -> None:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    assert next_time("@every 1h", "Etc/UTC", now) is None


@pytest.mark.parametrize(
    ("expression", "zone", "words"),
    [
        ("0 0 * *", "Etc/UTC", "five fields"),
        ("61 * * * *", "Etc/UTC", "minute"),
        ("0 0 30 2 *", "Etc/UTC", "day-of-month"),
        ("0 0 * * *", "Mars/Olympus", "time zone"),
        ("0 0 * * *", "../etc/passwd", "time zone"),
    ],
)
def test_what_is_no_time_is_refused_with_a_word(expression: str, zone: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        next_time(expression, zone, datetime(2026, 11, 26, tzinfo=UTC))
