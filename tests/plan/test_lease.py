"""Who may act by a Lease: the rules, and that never two may at once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrain_operator.kube.objects import Object
from retrain_operator.plan.lease import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    Seen,
    claim,
    left,
    read,
    released,
)

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
THEN = "2026-11-30T11:00:00.000000Z"
NOW = "2026-11-30T12:00:00.000000Z"


def a_lease(holder: str = "other", **spec: object) -> Object:
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": 15,
        "acquireTime": THEN,
        "renewTime": THEN,
        "leaseTransitions": 4,
        **spec,
    }


MINE_FROM_NOW = {
    "holderIdentity": "me",
    "leaseDurationSeconds": 15,
    "acquireTime": NOW,
    "renewTime": NOW,
}
TABLE: dict[str, tuple[Object | None, float, Object | None]] = {
    "there is none": (None, 0, {**MINE_FROM_NOW, "leaseTransitions": 0}),
    "another's, as it was a moment ago": (a_lease(), 14.9, None),
    "another's, unchanged for as long as it asked for": (
        a_lease(),
        15,
        {**MINE_FROM_NOW, "leaseTransitions": 5},
    ),
    "another's, who asked for more time": (a_lease(leaseDurationSeconds=60), 59, None),
    "another's, who asked for less": (
        a_lease(leaseDurationSeconds=1),
        1,
        {**MINE_FROM_NOW, "leaseTransitions": 5},
    ),
    "another's of long ago or of tomorrow by its clock": (
        a_lease(renewTime="2031-01-01T00:00:00.000000Z", acquireTime="1999-01-01T00:00:00.000000Z"),
        0,
        None,
    ),
    "another's that says nothing of time": ({"holderIdentity": "other"}, 14.9, None),
    "let go": (a_lease(""), 0, {**MINE_FROM_NOW, "leaseTransitions": 5}),
    "empty": ({}, 0, {**MINE_FROM_NOW, "leaseTransitions": 1}),
    "mine": (
        a_lease("me"),
        3,
        {**MINE_FROM_NOW, "acquireTime": THEN, "leaseTransitions": 4},
    ),
    "mine, and out of time: nobody has taken it": (
        a_lease("me"),
        900,
        {**MINE_FROM_NOW, "acquireTime": THEN, "leaseTransitions": 4},
    ),
}


@pytest.mark.parametrize(("spec", "unchanged_for", "claimed"), TABLE.values(), ids=TABLE)
def test_what_is_written_into_a_lease(
    spec: Object | None, unchanged_for: float, claimed: Object | None
) -> None:
    seen = None if spec is None else Seen(spec, since=100)
    assert claim(seen, "me", 100 + unchanged_for, NOON) == claimed


def test_a_lease_counts_from_when_it_was_first_read_as_it_is() -> None:
    first = read(None, a_lease(), 10)
    assert read(first, a_lease(), 20).since == 10
    assert read(first, a_lease(renewTime=NOW), 20).since == 20


def test_one_that_was_let_go_is_free_at_once() -> None:
    let_go = read(None, a_lease("me") | released(NOON), 5)
    assert (let_go.holder, let_go.runs_out) == ("", 5)


def test_a_write_begins_within_the_renew_deadline_and_ends_within_the_lease() -> None:
    assert left(100, 100) == LEASE_SECONDS
    assert left(100, 100 + RENEW_SECONDS - 1) == LEASE_SECONDS - RENEW_SECONDS + 1
    assert left(100, 100 + RENEW_SECONDS) == 0


@dataclass
class Candidate:
    """With clocks of its own: ``started`` is when its monotonic one was 0."""

    name: str
    started: float
    wrong_by: timedelta
    seen: Seen | None = None
    version: int = 0
    """That it has read."""
    sent: tuple[Object, float] | None = None
    """What it has asked for to be written, and when."""
    done: float | None = None
    """The write was done, and it has not been told yet: when it was sent."""
    renewed: float = -1e9

    def now(self, time: float) -> float:
        return time - self.started

    def may_write_until(self, time: float) -> float:
        """In everybody's time; in the past: it may begin none."""
        return time + left(self.renewed, self.now(time)) if self._begins(time) else 0

    def _begins(self, time: float) -> bool:
        return left(self.renewed, self.now(time)) > 0


@dataclass
class Server:
    spec: Object | None = None
    version: int = 0
    time: float = 0
    candidates: list[Candidate] = field(default_factory=list)

    def reads(self, one: Candidate) -> None:
        one.seen = None if self.spec is None else read(one.seen, self.spec, one.now(self.time))
        one.version = self.version
        wall = NOON + timedelta(seconds=self.time) + one.wrong_by
        spec = claim(one.seen, one.name, one.now(self.time), wall)
        one.sent = None if spec is None else (spec, one.now(self.time))

    def writes(self, one: Candidate) -> None:
        if one.sent is None or one.version != self.version:
            one.sent = None
            return
        before = (self.spec or {}).get("holderIdentity")
        self.spec, one.done = one.sent
        self.version, one.sent = self.version + 1, None
        if before != one.name:
            for other in self.candidates:
                assert other is one or other.may_write_until(self.time) <= self.time

    def answers(self, one: Candidate) -> None:
        if one.done is not None:
            one.renewed, one.done = one.done, None


STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from([*["all"] * 5, "reads", "writes", "answers"]),
        st.sampled_from([0, 2, 4.9, 9.9, 15, 31]),
    ),
    min_size=15,
    max_size=60,
)


@settings(max_examples=200, suppress_health_check=[*HealthCheck])
@given(
    STEPS,
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(-9999, 9999)), min_size=2, max_size=2),
)
def test_never_two_may_write_at_once_whatever_their_clocks_say_and_whoever_sleeps(
    steps: list[tuple[int, str, float]], clocks: list[tuple[float, int]]
) -> None:
    server = Server()
    server.candidates = [
        Candidate(f"operator-{number}", started, timedelta(minutes=wrong))
        for number, (started, wrong) in enumerate(clocks)
    ]
    for number, step, later in steps:
        server.time += later
        one = server.candidates[number]
        for part in ("reads", "writes", "answers") if step == "all" else (step,):
            getattr(server, part)(one)
        able = [c for c in server.candidates if c.may_write_until(server.time) > server.time]
        assert len(able) <= 1
