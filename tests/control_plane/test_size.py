"""As many ended runs as a cluster that cleans nothing up has after years."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from control_plane.installed import MIB, memory_limit
from control_plane.scenarios import trained
from control_plane.space import Space
from control_plane.world import Access, World
from retrain_operator.kube.objects import Object

ENDED = 50_000


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
async def test_fifty_thousand_ended_runs_fit_into_the_memory_that_the_chart_allows(
    access: Access, tmp_path: Path
) -> None:
    async with World(access, tmp_path / "before") as world:
        full = await world.space()
        operator = await world.operator(full)
        await operator.started()
        await trained(full)
        example = full.run()
    assert example is not None
    # No watch of a test keeps up with so many.
    await copied(access, full.name, example, ENDED - 1)
    async with World(access, tmp_path / "after") as world:
        full, other = Space(full.name, world.api, world.live), await world.space()
        operator = await world.operator(full, other)
        operator.start(command=True)
        await operator.listed(seconds=600)
        await trained(other)
        peak, limit = operator.process.peak(), memory_limit()
        print(f"peak {peak / MIB:.0f} MiB of {limit / MIB:.0f}")
        assert peak < limit
        assert operator.proxy.count("create", "jobs") == 1


async def copied(access: Access, namespace: str, example: Object, count: int) -> None:
    """So many more runs that have ended like this one."""
    arguments = (str(access.kubeconfig), namespace, str(count))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "control_plane.copies", *arguments),
        stdin=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    await process.communicate(json.dumps(example).encode())
    assert process.returncode == 0
