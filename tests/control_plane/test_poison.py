"""What one tenant has stored is nobody else's trouble."""

import re

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
