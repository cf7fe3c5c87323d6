"""What happens while no operator lives is seen by the next one, which knows nothing."""

from collections.abc import Awaitable, Callable

from control_plane import node
from control_plane.faults import CrashAfter
from control_plane.operators import PASSES, looked_at
from control_plane.scenarios import trained
from control_plane.space import Space
from control_plane.world import World, side_by_side
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, POD, TRAINING_RUN

Act = Callable[[Space], Awaitable[None]]


async def job_is_over(space: Space, name: str = "iris") -> None:
    def over() -> bool:
        job = space.job(name)
        return job is not None and any(
            objects.condition(job, type_) for type_ in ("Complete", "Failed")
        )

    await space.until(over, f"the Job {name} is over")


async def its_job_succeeds(space: Space) -> None:
    await node.train_ends(space)
    await job_is_over(space)


async def its_job_fails(space: Space) -> None:
    await node.train_ends(space, code=50, result=node.STAGE_FAILED)
    await job_is_over(space)


async def its_job_succeeds_and_the_pod_is_gone(space: Space) -> None:
    await its_job_succeeds(space)
    for pod in space.pods():
        await space.api.delete(POD, space.name, objects.name(pod))
    await space.until(lambda: not space.all(POD), "the pod is gone")


async def its_job_is_deleted(space: Space) -> None:
    await space.api.delete(JOB, space.name, "iris")
    await space.until(lambda: not space.all(JOB) and not space.all(POD), "the Job is gone")


async def it_is_cancelled(space: Space) -> None:
    await space.patch_run(cancel=True)


async def it_is_suspended_and_resumed(space: Space) -> None:
    await space.patch_run(suspend=True)
    await space.patch_run(suspend=False)
    await its_job_succeeds(space)


ACTS: list[tuple[Act, str]] = [
    (its_job_succeeds, "Trained"),
    (its_job_fails, "StageFailed"),
    (its_job_succeeds_and_the_pod_is_gone, "ResultUnavailable"),
    (its_job_is_deleted, "JobLost"),
    (it_is_cancelled, "Cancelled"),
    (it_is_suspended_and_resumed, "Trained"),
]


async def test_what_becomes_of_a_training_run_is_told_later(world: World) -> None:
    await side_by_side(is_told_later(world, act, reason) for act, reason in ACTS)


async def is_told_later(world: World, act: Act, reason: str) -> None:
    space, operator = await world.settled_in()
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    operator.kill()
    await act(space)
    operator.start()
    await space.ended(reason)
    assert space.status()["attempts"] == 1
    assert operator.proxy.count("create", "jobs") == 1


async def test_a_job_that_ended_before_the_status_named_it_is_the_run_s(world: World) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.proxy.fault = CrashAfter(operator, "create jobs", again=False)
    operator.start()
    await space.create_run()
    await node.source_ends(space)
    await its_job_succeeds(space)
    assert not operator.process.alive
    assert not space.status()
    operator.start()
    await space.ended("Trained")
    assert operator.proxy.count("create", "jobs") == 1


async def test_a_run_created_anew_gets_a_job_of_its_own(world: World) -> None:
    policies = ("Foreground", "Background", "Orphan")
    await side_by_side(is_created_anew(world, policy) for policy in policies)


async def is_created_anew(world: World, policy: str) -> None:
    space, operator = await world.settled_in()
    first = objects.uid(await space.create_run())
    await space.has_pod()
    operator.kill()
    await space.api.delete(TRAINING_RUN, space.name, "iris", policy)
    await space.until(lambda: space.run() is None, "the run is gone")
    second = objects.uid(await space.create_run())
    assert second != first
    operator.start()
    if policy == "Orphan":
        # The Job stays, and is nobody's any more.
        await space.ended("NameTaken")
        return
    await space.has_pod()
    job = space.job()
    assert job
    assert [owner["uid"] for owner in job["metadata"]["ownerReferences"]] == [second]
    assert space.status()["attempts"] == 1
    assert operator.proxy.count("create", "jobs") == 2


async def test_a_restart_among_ended_runs_writes_nothing(world: World) -> None:
    space, operator = await world.settled_in()
    await trained(space)
    ended = {"iris": "Trained"}
    for number in range(15):
        await space.create_run(f"cancelled-{number}", cancel=True)
        await space.create_run(f"invalid-{number}", mlflow={"trackingURI": "sqlite:///x.db"})
        ended |= {f"cancelled-{number}": "Cancelled", f"invalid-{number}": "InvalidSpec"}
    for name, reason in ended.items():
        await space.ended(reason, name)
    await operator.stop()
    before = len(operator.proxy.calls)
    await operator.started()
    await operator.counts(len(ended) - 1, PASSES)
    await looked_at(operator, space, times=20)
    assert operator.proxy.writes(since=before) == []


async def test_a_training_that_goes_on_is_looked_at_without_a_write(world: World) -> None:
    space, operator = await world.settled_in()
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await operator.stop()
    before = len(operator.proxy.calls)
    await operator.started()
    await looked_at(operator, space, times=20)
    assert operator.proxy.writes(since=before) == []
