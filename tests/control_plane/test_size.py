"""As many ended runs as a cluster that cleans nothing up has after years."""

import asyncio
import re

import pytest
import yaml

from control_plane.scenarios import trained
from control_plane.space import Space
from control_plane.world import World
from install.rendering import CHART
from retrain_operator.kube import objects
from retrain_operator.kube.objects import TRAINING_RUN, Object

ENDED = 50_000
AT_ONCE = 24
MIB = 2**20


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
async def test_fifty_thousand_ended_runs_fit_into_the_memory_that_the_chart_allows(
    world: World,
) -> None:
    full, other = await world.space(), await world.space()
    operator = await world.operator(full, other)
    await operator.started()
    await trained(full)
    example = full.run()
    assert example is not None
    await operator.stop()
    await copied(full, example, ENDED - 1)
    operator.start(command=True)
    await operator.listed(seconds=600)
    await trained(other)
    limit = allowed()
    print(f"peak {(peak := operator.process.peak()) / MIB:.0f} MiB of {limit / MIB:.0f}")
    assert peak < limit
    assert full.job("copy-1") is None
    await operator.stop()


async def copied(space: Space, example: Object, times: int) -> None:
    """So many more runs that have ended like this one."""
    places = asyncio.Semaphore(AT_ONCE)
    metadata = {
        "annotations": objects.annotations(example),
        "labels": objects.labels(example),
    }

    async def copy(number: int) -> None:
        name = f"copy-{number}"
        body = {"metadata": {"name": name, **metadata}, "spec": example["spec"]}
        async with places:
            await space.api.create(TRAINING_RUN, space.name, body)
            status = {"status": example["status"]}
            await space.api.patch(TRAINING_RUN, space.name, name, status, "status")

    await asyncio.gather(*map(copy, range(times)))


def allowed() -> int:
    """Bytes."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    found = re.fullmatch(r"([0-9]+)Mi", values["resources"]["limits"]["memory"])
    assert found
    return int(found[1]) * MIB
