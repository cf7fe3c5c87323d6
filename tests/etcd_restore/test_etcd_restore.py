"""What a running operator does when everything it has seen is as it was before."""

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiohttp
import pytest

from cluster.local import LocalCluster
from control_plane.api import Answered
from control_plane.scenarios import trained
from control_plane.space import Space
from control_plane.world import World
from retrain_operator.kube.objects import TRAINING_RUN

T = TypeVar("T")


def snapshot(cluster: LocalCluster, folder: Path) -> None:
    """etcd's files at one moment, as a crash would leave them."""
    with cluster.paused("etcd"):
        shutil.copytree(cluster.folder / "etcd/data", folder)


def restore(cluster: LocalCluster, folder: Path) -> None:
    """The API server and its controllers are started anew too, as the procedure has it."""
    etcd = cluster.pid("etcd")
    os.kill(etcd, signal.SIGSTOP)
    data = cluster.folder / "etcd/data"
    shutil.move(data, f"{data}.lost")
    shutil.copytree(folder, data)
    for each in (etcd, cluster.pid("kube-apiserver"), cluster.pid("kube-controller-manager")):
        os.kill(each, signal.SIGKILL)


async def until(look: Callable[[], Awaitable[T]], what: str) -> T:
    """A watch that has seen the later day is no help here."""
    for _ in range(600):
        try:
            if found := await look():
                return found
        except (Answered, aiohttp.ClientError):
            pass
        await asyncio.sleep(0.2)
    raise AssertionError(f"waited in vain: {what}")


async def reason(space: Space, run: str) -> str:
    found = await space.api.get(TRAINING_RUN, space.name, run)
    assert found, run
    return str(found["status"]["conditions"][0]["reason"])


@pytest.mark.exhaustive
async def test_nothing_trains_again_and_a_cancel_is_obeyed_after_an_etcd_restore(
    api_server: LocalCluster, world: World, tmp_path: Path
) -> None:
    space, operator = await world.settled_in()
    await trained(space)
    await space.create_run("other")
    await space.has_pod("other")
    before = tmp_path / "before"
    snapshot(api_server, before)
    await space.patch_run("other", cancel=True)
    await space.ended("Cancelled", "other")
    await space.create_run("later", cancel=True)
    await space.ended("Cancelled", "later")
    created = operator.proxy.count("create", "jobs")

    await world.live.close()
    restore(api_server, before)
    assert "restored from a backup" in await operator.unhealthy()
    operator.kill()
    await operator.started()
    world.audit_from_now()

    assert await reason(space, "iris") == "Trained"
    assert await space.api.get(TRAINING_RUN, space.name, "later") is None
    assert await reason(space, "other") == "Starting"
    await space.patch_run("other", cancel=True)

    async def cancelled() -> bool:
        return await reason(space, "other") == "Cancelled"

    await until(cancelled, "the cancel is obeyed")
    assert operator.proxy.count("create", "jobs") == created
