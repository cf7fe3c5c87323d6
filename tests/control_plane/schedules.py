"""What can become of a schedule and of what its clock starts. The clock is the tests' own hand."""

import copy
from typing import Any

from control_plane import node
from control_plane.operators import Operator, looked_at
from control_plane.scenarios import Scenario, foreign_job
from control_plane.space import TRAINING, Space
from retrain_operator.kube import objects
from retrain_operator.kube.objects import CRON_JOB, JOB, RETRAIN_SCHEDULE, TRAINING_RUN, Object

NEVER = "0 0 29 2 *"
WEEKLY = {"name": "weekly", "cron": {"schedule": NEVER}}
CLOCK = "iris-weekly"


async def create_schedule(space: Space, *triggers: Object, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"team": "ml"}}, "spec": TRAINING}
    whole = {"runTemplate": template, "triggers": [*(triggers or (WEEKLY,))], **spec}
    return await space.api.create(
        RETRAIN_SCHEDULE, space.name, {"metadata": {"name": "iris"}, "spec": whole}
    )


async def patch_schedule(space: Space, **spec: Any) -> None:
    patched = await space.api.patch(RETRAIN_SCHEDULE, space.name, "iris", {"spec": spec})

    def told() -> bool:
        """Else `ready` could be about the spec before."""
        item = space.live.get(RETRAIN_SCHEDULE, space.name, "iris")
        return item is not None and objects.version(item) >= objects.version(patched)

    await space.until(told, "the change is told")


def status(space: Space) -> Object:
    found = space.live.get(RETRAIN_SCHEDULE, space.name, "iris") or {}
    told: Object = found.get("status") or {}
    return told


async def ready(space: Space, reason: str = "Waiting") -> None:
    """Wait until the status says so of the newest spec."""

    def told() -> bool:
        item = space.live.get(RETRAIN_SCHEDULE, space.name, "iris")
        if item is None:
            return False
        found = objects.any_condition(item, "Ready")
        newest = (item.get("status") or {}).get("observedGeneration")
        return (
            found is not None
            and found["reason"] == reason
            and newest == item["metadata"]["generation"]
        )

    await space.until(told, f"the schedule is ready: {reason}")


async def clock(space: Space, name: str = CLOCK) -> Object:
    """As it is now."""
    await space.live.catch_up(space.name)
    found: Object = await space.until(
        lambda: space.live.get(CRON_JOB, space.name, name), f"there is a CronJob {name}"
    )
    return found


async def tick(space: Space, name: str, clock_name: str = CLOCK) -> None:
    """As the controller of CronJobs does, and `kubectl create job --from`."""
    made_from = await clock(space, clock_name)
    template = copy.deepcopy(made_from["spec"]["jobTemplate"])
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": clock_name,
        "uid": objects.uid(made_from),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    template["metadata"] |= {"name": name, "ownerReferences": [owner]}
    template["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] = "manual"
    await space.api.create(JOB, space.name, template)


async def is_recorded(space: Space, name: str) -> None:
    def recorded() -> bool:
        run, job = space.run(name), space.job(name)
        marks = objects.annotations(job or {"metadata": {}})
        return bool(run and job) and marks.get("retrain.dev/recorded") == objects.uid(run or {})

    await space.until(recorded, f"{name} is recorded and marked")


async def last(space: Space, reason: str) -> None:
    def told() -> bool:
        return bool(status(space).get("lastRun", {}).get("reason") == reason)

    await space.until(told, f"the schedule tells that its last run is {reason}")


async def trains(space: Space, name: str) -> None:
    """What a node does for the run, and what the operator makes of it."""
    await is_recorded(space, name)
    await space.has_pod(name)
    await node.source_ends(space, name)
    await space.reads("Training", name)
    await node.train_ends(space, name)
    await space.ended("Trained", name)


async def looked_at_run(operator: Operator, space: Space) -> None:
    """Let the operator look at the run ``iris`` as often as it takes to decide."""
    await space.until(lambda: space.run() is not None, "the run is told")
    await looked_at(operator, space, times=3)


async def recorded(space: Space) -> None:
    await create_schedule(space)
    await ready(space)
    await tick(space, "iris-1")
    await trains(space, "iris-1")
    await last(space, "Trained")
    assert space.status("iris-1")["trigger"] == {
        "type": "Cron",
        "name": "weekly",
        "evidence": "started by hand from the CronJob",
    }
    assert objects.labels(space.run("iris-1") or {})["team"] == "ml"


async def a_deleted_record_stays_deleted(space: Space) -> None:
    await recorded(space)
    await space.api.delete(TRAINING_RUN, space.name, "iris-1")
    await space.until(lambda: space.job("iris-1") is None, "its Job is gone")
    assert space.run("iris-1") is None


async def only_the_newest_records_stay(space: Space) -> None:
    await create_schedule(space, successfulRunsHistoryLimit=1)
    await ready(space)
    await tick(space, "iris-1")
    await trains(space, "iris-1")
    await tick(space, "iris-2")
    await trains(space, "iris-2")
    await space.until(
        lambda: space.run("iris-1") is None and space.job("iris-1") is None, "the first is gone"
    )
    await last(space, "Trained")


async def a_tick_replaces_the_one_before(space: Space) -> None:
    await create_schedule(space, concurrencyPolicy="Replace")
    await ready(space)
    await tick(space, "iris-1")
    await is_recorded(space, "iris-1")
    await space.has_pod("iris-1")
    await tick(space, "iris-2")
    await space.ended("Cancelled", "iris-1")
    await space.until(lambda: space.job("iris-1") is None, "its Job is gone")
    await trains(space, "iris-2")
    await last(space, "Trained")


async def suspended(space: Space) -> None:
    await create_schedule(space)
    await ready(space)
    await patch_schedule(space, suspend=True)
    await ready(space, "Suspended")

    def stands_still() -> bool:
        clocks = [item["spec"]["suspend"] for item in space.all(CRON_JOB)]
        return clocks == [True] and "nextScheduleTime" not in status(space)

    await space.until(stands_still, "the clock stands still and has no next time")


async def another_trigger_is_wanted(space: Space) -> None:
    """What the clock that goes has started goes on."""
    await create_schedule(space)
    await ready(space)
    await tick(space, "iris-1")
    await is_recorded(space, "iris-1")
    await space.has_pod("iris-1")
    await patch_schedule(space, triggers=[{"name": "daily", "cron": {"schedule": NEVER}}])
    await clock(space, "iris-daily")
    await space.until(
        lambda: space.live.get(CRON_JOB, space.name, CLOCK) is None, "the old clock is gone"
    )
    await node.source_ends(space, "iris-1")
    await space.reads("Training", "iris-1")
    await node.train_ends(space, "iris-1")
    await space.ended("Trained", "iris-1")
    await last(space, "Trained")


async def deleted(space: Space) -> None:
    await create_schedule(space)
    await ready(space)
    await tick(space, "iris-1")
    await is_recorded(space, "iris-1")
    await space.api.delete(RETRAIN_SCHEDULE, space.name, "iris")

    def left() -> list[Object]:
        return [item for kind in (CRON_JOB, TRAINING_RUN, JOB) for item in space.all(kind)]

    await space.until(lambda: not left(), "nothing of it is left")


async def deleted_alone(space: Space) -> None:
    """With `--cascade=orphan` the records stay; the clock stops all the same."""
    await recorded(space)
    await let_go(space)
    assert space.run("iris-1") is not None


async def let_go(space: Space) -> None:
    await space.api.delete(RETRAIN_SCHEDULE, space.name, "iris", "Orphan")
    await space.until(lambda: not space.all(CRON_JOB), "the clock is gone")


async def the_name_is_taken(space: Space) -> None:
    job = foreign_job()["spec"]
    foreign = {
        "metadata": {"name": CLOCK},
        "spec": {"schedule": NEVER, "jobTemplate": {"spec": job}},
    }
    await space.api.create(CRON_JOB, space.name, foreign)
    await create_schedule(space)
    await ready(space, "NameTaken")


SCHEDULE_SCENARIOS: list[Scenario] = [
    recorded,
    a_deleted_record_stays_deleted,
    only_the_newest_records_stay,
    a_tick_replaces_the_one_before,
    suspended,
    another_trigger_is_wanted,
    deleted,
    deleted_alone,
    the_name_is_taken,
]
