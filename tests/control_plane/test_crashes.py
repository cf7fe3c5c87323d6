"""The operator killed before and after each of its writes, and writes whose answer is lost.

A scenario is played once undisturbed, and then once for each of its writes and each of the three
ways to fail there, with SIGKILL and a new process that knows nothing. What is left in the end,
and how often a Job or a run was created or deleted, must be the same as in the undisturbed play.

Most runs begin alike: what `trained` does is tried there and not again in every other scenario.
"""

import asyncio
from collections.abc import Callable
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
    'patch jobs {"ttlSecondsAfterFinished": 86400}',
]
USUAL_OF_SCHEDULE = [
    "patch cronjobs suspend=False",
    "patch retrainschedules/status Waiting",
    "create events Waiting",
    "create trainingruns",
    "create events RunStarted",
    'patch jobs ["retrain.dev/recorded"]',
    *USUAL[1:],
]
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


@pytest.mark.parametrize(
    "scenario",
    [*SCENARIOS, *SCHEDULE_SCENARIOS, *TRIGGER_SCENARIOS],
    ids=lambda scenario: scenario.__name__,
)
async def test_it_ends_alike_wherever_the_operator_was_killed(
    world: World, scenario: Scenario
) -> None:
    reference = await play(world, await world.space(), scenario)
    usual = USUAL if scenario in SCENARIOS else USUAL_OF_SCHEDULE
    everything = scenario in (trained, recorded, tags_train_in_their_order)
    labels = [label for label in reference.labels if everything or _is_worth_it(label, usual)]
    # Before an event is after the write of the status.
    events = [label for label in labels if label.startswith("create events")]
    cases = [*product(set(labels) - set(events), FAILINGS), *product(events, ["killed after"])]
    assert scenario not in (trained, recorded) or set(labels) == set(usual)
    gate = asyncio.Semaphore(AT_ONCE)
    differing: list[str] = []

    async def check(label: str, way: str) -> None:
        async with gate:
            try:
                played = await play(world, await world.space(), scenario, label, FAILINGS[way])
            except AssertionError as error:
                differing.append(f"{way}: {label}: {error}")
                return
        if (played.left, played.counts) != (reference.left, reference.counts):
            differing.append(f"{way}: {label}: {played}")

    await asyncio.gather(*(check(*case) for case in cases))
    assert not differing, "\n\n".join([*differing, f"undisturbed: {reference}"])
