"""A registry in memory and racers that take turns at it, one registry call at a time.

Every call that would be a request to MLflow waits for its turn, so a schedule (a list of numbers)
decides everything that happens: the same schedule gives the same race.
"""

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from retrain_core.spec import Promotion
from retrain_trainer.registry.promote import Decision, judge_again, promote, record_decision
from retrain_trainer.registry.versions import (
    DECISION,
    EVALUATION,
    JOB_UID,
    METRICS,
    PROMOTED,
    Model,
    Version,
)

METRIC = "f1"
Quality = dict[str, float | None]
"""What a model's metric is on each evaluation data; None where it cannot be evaluated."""


class Crash(BaseException):
    """The process of a racer is gone."""


class Hung(AssertionError):
    """A race that does not end."""


@dataclass
class Store:
    """What MLflow keeps of one registered model."""

    tags: dict[int, dict[str, str]] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    model_tags: dict[str, str] = field(default_factory=dict)
    quality: dict[int, Quality] = field(default_factory=dict)
    set_by: list[tuple[str, int]] = field(default_factory=list)
    """Every alias that was set, in order."""

    def create(self, tags: dict[str, str], quality: Quality) -> int:
        number = len(self.tags) + 1
        self.tags[number] = dict(tags)
        self.quality[number] = quality
        return number

    def add_decided(
        self, value: float | None, *, data: str = "today", promoted: bool, quality: Quality
    ) -> int:
        """A version from before the race."""
        tags = version_tags(f"old-{len(self.tags)}", value, data)
        tags |= {DECISION: "Better", PROMOTED: str(promoted).lower()}
        return self.create(tags, quality)

    def get(self, number: int) -> Version:
        return Version(number, f"run-{number}", dict(self.tags[number]))


class SharedRegistry:
    """A racer's way to the store; ``step`` is called before and after each request."""

    def __init__(self, store: Store, step: Callable[[str], None]) -> None:
        self._store = store
        self._step = step

    def versions(self) -> list[Version]:
        self._step("versions")
        found = [self._store.get(number) for number in sorted(self._store.tags)]
        self._step("")
        return found

    def model(self) -> Model:
        self._step("model")
        found = Model(dict(self._store.aliases), dict(self._store.model_tags))
        self._step("")
        return found

    def set_alias(self, alias: str, number: int) -> None:
        assert number in self._store.tags, f"{alias} set to version {number}, which is not there"
        self._step("set_alias")
        self._store.aliases[alias] = number
        self._store.set_by.append((alias, number))
        self._step("")

    def tag(self, number: int, tags: dict[str, str]) -> None:
        # MLflow takes one tag a request.
        for key, value in tags.items():
            self._step("tag")
            self._store.tags[number][key] = value
            self._step("")

    def untag(self, number: int, keys: list[str]) -> None:
        for key in keys:
            self._step("untag")
            self._store.tags[number].pop(key, None)
            self._step("")

    def tag_model(self, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self._step("tag_model")
            self._store.model_tags[key] = value
            self._step("")


def version_tags(uid: str, value: float | None, data: str) -> dict[str, str]:
    metrics = {} if value is None else {METRIC: value}
    return {JOB_UID: uid, EVALUATION: data, METRICS: json.dumps(metrics)}


@dataclass(frozen=True)
class Entry:
    """One training that takes part: its quality, and where its first attempt crashes."""

    quality: Quality
    data: str = "today"
    crash_at: int | None = None
    """Number of the moment (before and after each request) at which the process ends."""

    @property
    def value(self) -> float | None:
        return self.quality[self.data]


class Racer:
    """One training: registers, promotes, records; starts again after a crash."""

    def __init__(self, name: str, entry: Entry, store: Store, policy: Promotion) -> None:
        self.name = name
        self.entry = entry
        self.number: int | None = None
        self.again: int | None = None
        """The version that it judges again, in place of one of its own."""
        self.other_files: set[str] = set()
        self.decision: Decision | None = None
        self.measured: list[int] = []
        self.failure: BaseException | None = None
        self._store = store
        self._policy = policy
        self._moments = itertools.count()
        self._crashed = False
        self._turn = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.done = False
        self.pending = ""
        """The request that comes with the next move."""

    def move(self) -> None:
        """Carry out the next request and stop before the one after it."""
        if not self._thread.is_alive():
            self._thread.start()
        self._turn.release()
        if not self._back.acquire(timeout=60):
            raise Hung(self.name)

    def move_to(self, request: str) -> None:
        """Move until the next request is ``request``."""
        while self.pending != request:
            self.move()
            assert not self.done, f"{self.name} ended without another {request}"

    def finish(self) -> None:
        while not self.done:
            self.move()
        if self.failure is not None:
            raise self.failure

    def _step(self, request: str) -> None:
        if next(self._moments) == self.entry.crash_at and not self._crashed:
            self._crashed = True
            raise Crash
        if request:
            self.pending = request
            self._back.release()
            self._turn.acquire()

    def _work(self) -> None:
        self._turn.acquire()
        try:
            while self.decision is None:
                try:
                    self._attempt(SharedRegistry(self._store, self._step))
                except Crash:
                    continue
        except BaseException as failure:
            self.failure = failure
        finally:
            self.done = True
            self._back.release()

    def _attempt(self, registry: SharedRegistry) -> None:
        if self.again is not None:
            self.number = self.again
            self._store.tags[self.again] |= version_tags(
                self._store.tags[self.again][JOB_UID], self.entry.value, self.entry.data
            )
            mine = self._store.get(self.again)
            decision = judge_again(registry, mine, self._policy, self._measure, self.name)
            record_decision(registry, self._store.get(self.again), decision)
            self.decision = decision
            return
        if self.number is None:
            tags = version_tags(self.name, self.entry.value, self.entry.data)
            self.number = self._store.create(tags, self.entry.quality)
        mine = self._store.get(self.number)
        decision = promote(registry, mine, self._policy, self._measure, self.other_files)
        record_decision(registry, mine, decision)
        self.decision = decision

    def _measure(self, version: Version) -> tuple[float | None, str]:
        self.measured.append(version.number)
        value = self._store.quality[version.number][self.entry.data]
        return value, "" if value is not None else "its evaluation fails"


@dataclass(frozen=True)
class Schedule:
    """Who moves next: the drawn turns first, then everybody ``quantum`` turns at a time."""

    turns: Sequence[int] = ()
    quantum: int = 1

    def __iter__(self) -> Iterator[int]:
        yield from self.turns
        for number in itertools.count():
            yield from [number] * self.quantum


def race(
    store: Store,
    entries: Sequence[Entry],
    policy: Promotion,
    schedule: Schedule = Schedule(),
    others: Sequence[Racer] = (),
) -> list[Racer]:
    """Let the trainings of ``entries``, and ``others``, race until all have ended."""
    racers = [Racer(f"racer-{n}", entry, store, policy) for n, entry in enumerate(entries)]
    racers += others
    for moves, turn in enumerate(schedule):
        running = [racer for racer in racers if not racer.done]
        if not running:
            break
        if moves > 20_000:
            raise Hung(f"{len(running)} racers still run")
        running[turn % len(running)].move()
    for racer in racers:
        racer.finish()
    return racers


def train(store: Store, policy: Promotion, value: float | None, data: str = "today") -> Racer:
    """One training on its own."""
    (racer,) = race(store, [Entry({data: value}, data)], policy)
    return racer
