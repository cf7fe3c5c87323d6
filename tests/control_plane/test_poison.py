"""What one tenant has stored is nobody else's trouble."""

import asyncio
import re

import pytest

from control_plane.installed import MIB, memory_limit
from control_plane.scenarios import trained
from control_plane.world import World

DEEP = re.compile(rb'"DEEP-([0-9]+)"')


def deepened(content: bytes) -> bytes:
    """``content`` as it would be, had the API server taken such parameters, as it once did."""
    return DEEP.sub(lambda found: b"[" * int(found[1]) + b"]" * int(found[1]), content)


async def test_an_object_that_no_decoder_follows_keeps_no_other_from_being_trained(
    world: World,
) -> None:
    mine, theirs = await world.space(), await world.space()
    operator = await world.operator(theirs, mine)
    operator.proxy.reworded = deepened
    names = ("deep-3000", "deep-9996")
    for name in names:
        await theirs.create_run(name, dvc={"params": {"a": name.upper()}})
    await operator.started()
    for name in names:
        await theirs.create_run(f"later-{name}", dvc={"params": {"a": name.upper()}})
    await trained(mine)
    for name in (*names, *(f"later-{name}" for name in names)):
        await theirs.reads("InvalidSpec", name)
        assert "must not be nested deeper than" in theirs.message(name)
        assert f"{theirs.name}/{name}" in operator.log
    assert await operator.counted("retrain_objects_put_aside") >= len(names)
    assert operator.process.alive
    assert "Traceback" not in operator.log
    assert theirs.job("deep-3000") is None


@pytest.mark.exhaustive
async def test_a_hundred_objects_of_over_a_megabyte_keep_no_other_from_being_trained(
    world: World,
) -> None:
    mine, theirs = await world.space(), await world.space()
    text = "x" * 4000
    large = {
        "dvc": {"params": {f"p{number}": text for number in range(240)}},
        "smoke": {"params": {f"p{number}": text for number in range(100)}},
    }
    names = [f"large-{number}" for number in range(100)]
    operator = await world.operator(theirs, mine)
    for name in names[:50]:
        await theirs.create_run(name, **large)
    operator.start(command=True)
    await operator.listed(seconds=60)
    await asyncio.gather(trained(mine), *(theirs.create_run(name, **large) for name in names[50:]))
    for name in names:
        await theirs.reads("InvalidSpec", name)
    peak, limit = operator.process.peak(), memory_limit()
    print(f"peak {peak / MIB:.0f} MiB of {limit / MIB:.0f}: {theirs.message(names[0])}")
    assert peak < limit
