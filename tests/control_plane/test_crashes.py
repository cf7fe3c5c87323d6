"""The operator killed before and after each of its writes, and writes whose answer is lost.

A scenario is played once undisturbed, and then once for each of its writes and each of the three
ways to fail there, with SIGKILL and a new process that knows nothing. What is left in the end,
and how often a Job or a run was created or deleted, must be the same as in the undisturbed play.

Most runs begin alike: what `trained` does is tried there and not again in every other scenario.
The whole table takes minutes. `make test` has a sample: each kind of write fails, and each scenario
somewhere.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from control_plane.faults import AnswerLost, CrashAfter, CrashBefore, OnWrite
from control_plane.live import Live
from control_plane.operators import Operator, looked_at
from control_plane.scenarios import SCENARIOS, Scenario, end_state, trained
from control_plane.schedules import SCHEDULE_SCENARIOS, recorded
from control_plane.space import Space
from control_plane.triggers import TRIGGER_SCENARIOS, tags_train_in_their_order
from control_plane.world import World
from retrain_operator.kube import objects

AT_ONCE = 8
Failing = Callable[[Operator, str], OnWrite]
FAILINGS: dict[str, Failing] = {
    "killed before": CrashBefore,
    "killed after": CrashAfter,
    "answer lost": lambda _, label: AnswerLost(label),
}
USUAL = [
    "create jobs",
    "patch trainingruns/status Starting",
    "create events Starting",
    "patch trainingruns/status Training",
    "create events Training",
    "patch trainingruns/status Trained",
    "create events Trained",
    'patch trainingruns ["retrain.dev/ended"]',
]
USUAL_OF_SCHEDULE = [
    "create cronjobs",
    "patch retrainschedules/status Waiting",
    "create events Waiting",
    "create trainingruns",
    "create events RunStarted",
    'patch jobs ["retrain.dev/recorded"]',
    *USUAL[1:],
]
DUE_OR_STARTED = re.compile(r"\d due,\d started")
GROUPS = {
    "runs": SCENARIOS,
    "schedules": SCHEDULE_SCENARIOS,
    "triggers": TRIGGER_SCENARIOS,
}
COUNTED = [
    *(("create", "jobs"), ("delete", "jobs")),
    *(("create", "trainingruns"), ("delete", "trainingruns")),
    ("delete", "cronjobs"),
]


@dataclass(frozen=True)
class Played:
    left: Any
    counts: dict[str, int]
    labels: list[str]
    """Of the writes, each once, in order."""


async def play(
    world: World, space: Space, scenario: Scenario, label: str = "", failing: Failing | None = None
) -> Played:
    operator = await world.operator(space)
    if failing:
        operator.proxy.fault = failing(operator, label)
    operator.start()
    await scenario(space)
    fault = operator.proxy.fault
    await space.until(lambda: not isinstance(fault, OnWrite) or fault.struck, "it strikes")
    await operator.ready()
    if space.run():
        await looked_at(operator, space)
    operator.kill()
    await space.live.catch_up(space.name)
    await space.until(lambda: not _left_behind(space), "garbage collection is through")
    counts = {" ".join(what): operator.proxy.count(*what) for what in COUNTED}
    return Played(end_state(space), counts, list(dict.fromkeys(operator.proxy.writes())))


def _left_behind(space: Space) -> list[str]:
    """What belongs to an owner that is no more."""
    items = [item for kind in Live.KINDS for item in space.all(kind)]
    there = {objects.uid(item) for item in items}
    return [
        objects.name(item)
        for item in items
        if (owner := objects.controller(item)) is not None and owner["uid"] not in there
    ]


def _is_worth_it(label: str, usual: list[str]) -> bool:
    """Of what triggers say, the writes with which something becomes due, starts or ends."""
    if label.startswith("patch retrainschedules/status") and "=" in label:
        return "1 due" in label or "1 started" in label
    return label not in usual


@dataclass(frozen=True)
class Case:
    """A write that fails."""

    scenario: Scenario
    label: str
    way: str

    @property
    def kind(self) -> tuple[str, ...]:
        """What it writes, whatever it tells."""
        if self.label.startswith("create events") or "/status" in self.label:
            return (" ".join(self.label.split()[:2]), *self.waiting)
        return (self.label,)

    @property
    def waiting(self) -> list[str]:
        """What a schedule's status has due and started, of each trigger."""
        return DUE_OR_STARTED.findall(self.label)


def all_cases(scenario: Scenario, labels: Sequence[str]) -> list[Case]:
    """Of the writes of the undisturbed play."""
    usual = USUAL if scenario in SCENARIOS else USUAL_OF_SCHEDULE
    everything = scenario in (trained, recorded, tags_train_in_their_order)
    chosen = [label for label in labels if everything or _is_worth_it(label, usual)]
    assert scenario not in (trained, recorded) or set(chosen) == set(usual)
    return [
        Case(scenario, label, way)
        for label, way in product(chosen, FAILINGS)
        # Before an event is after the write of the status.
        if way == "killed after" or not label.startswith("create events")
    ]


def sample(cases: Sequence[Case], *, every_way: bool) -> list[Case]:
    """Of each kind the first that fails in ``every_way``, or in one, another for each kind; and
    one of each scenario that has none of these."""
    kinds: dict[tuple[str, ...], dict[str, Case]] = {}
    for case in cases:
        kinds.setdefault(case.kind, {}).setdefault(case.way, case)
    chosen: list[Case] = []
    for number, by_way in enumerate(kinds.values()):
        ways = [*by_way.values()]
        chosen += ways if every_way and not ways[0].waiting else [ways[number % len(ways)]]
    for scenario in dict.fromkeys(case.scenario for case in cases):
        own = [case for case in cases if case.scenario is scenario]
        if not any(case.scenario is scenario for case in chosen):
            # Another way each time.
            chosen.append(own[len(chosen) % len(own)])
    return chosen


async def undisturbed(world: World, scenarios: Sequence[Scenario]) -> dict[Scenario, Played]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(scenario: Scenario) -> Played:
        async with gate:
            return await play(world, await world.space(), scenario)

    return dict(zip(scenarios, await asyncio.gather(*map(one, scenarios)), strict=True))


async def end_alike(world: World, played: dict[Scenario, Played], cases: Sequence[Case]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    differing: list[str] = []

    async def check(case: Case) -> None:
        told, reference = (
            f"{case.scenario.__name__}: {case.way}: {case.label}",
            played[case.scenario],
        )
        async with gate:
            try:
                space, failing = await world.space(), FAILINGS[case.way]
                found = await play(world, space, case.scenario, case.label, failing)
            except AssertionError as error:
                differing.append(f"{told}: {error}")
                return
        if (found.left, found.counts) != (reference.left, reference.counts):
            differing.append(f"{told}: {found}, undisturbed: {reference}")

    await asyncio.gather(*map(check, cases))
    assert not differing, "\n\n".join(differing)


@pytest.mark.parametrize("group", GROUPS)
async def test_a_sample_ends_alike_though_the_operator_was_killed(world: World, group: str) -> None:
    played = await undisturbed(world, GROUPS[group])
    cases = [case for scenario in played for case in all_cases(scenario, played[scenario].labels)]
    if group != "runs":
        cases = [case for case in cases if case.label not in USUAL]
    await end_alike(world, played, sample(cases, every_way=group == "runs"))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "scenario",
    [*SCENARIOS, *SCHEDULE_SCENARIOS, *TRIGGER_SCENARIOS],
    ids=lambda scenario: scenario.__name__,
)
async def test_it_ends_alike_wherever_the_operator_was_killed(
    world: World, scenario: Scenario
) -> None:
    played = await undisturbed(world, [scenario])
    await end_alike(world, played, all_cases(scenario, played[scenario].labels))
