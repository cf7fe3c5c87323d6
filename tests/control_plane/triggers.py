"""What can become of triggers that are no clock. The checks are the tests' own hand."""

import copy
from datetime import datetime
from typing import Any

from control_plane import node
from control_plane.scenarios import Scenario
from control_plane.schedules import NEVER, create_schedule, patch_schedule, ready, status
from control_plane.space import Space
from retrain_core import names
from retrain_core.evidence import Report, Tag, Task, Unseen
from retrain_operator.kube import objects
from retrain_operator.kube.objects import CRON_JOB, JOB, POD, RETRAIN_SCHEDULE, TRAINING_RUN, Object
from seen import DATA, DRIFT, QUALITY, RELEASE, data, drift, evidence, metric

CHECK = "iris-check"
V1, V2, V3 = (
    Tag(name=f"v1.{minor}.0", commit=character * 40) for minor, character in enumerate("abc")
)


async def create(space: Space, *triggers: Object, **spec: Any) -> None:
    await create_schedule(space, *triggers, check={"schedule": NEVER}, **spec)
    await ready(space)
    await space.until(lambda: space.live.get(CRON_JOB, space.name, CHECK), "there is a check")


def told(space: Space, name: str) -> Object:
    found = [one for one in status(space).get("triggers", ()) if one["name"] == name]
    return found[0] if found else {}


async def finds(space: Space, name: str, reason: str) -> None:
    await space.until(lambda: told(space, name).get("reason") == reason, f"{name} is {reason}")


async def look(space: Space, name: str, **seen: Any) -> None:
    """A check of this name sees this of each trigger; a release's are its tags."""
    task = await start_check(space, name)
    report = [
        evidence(trigger, task.run, task.known.get(trigger.name), seen[trigger.name])
        for trigger in task.triggers
    ]
    await node.check_ends(space, name, Report(triggers=report))
    await is_read(space, name)


async def start_check(space: Space, name: str) -> Task:
    """Returns what it is told."""
    await space.live.catch_up(space.name)
    made_from = space.live.get(CRON_JOB, space.name, CHECK)
    assert made_from is not None
    template = copy.deepcopy(made_from["spec"]["jobTemplate"])
    template["spec"]["template"]["spec"]["schedulerName"] = "nobody"
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": CHECK,
        "uid": objects.uid(made_from),
        "controller": True,
    }
    template["metadata"] |= {"name": name, "ownerReferences": [owner]}
    await space.api.create(JOB, space.name, template)
    said = template["spec"]["template"]["metadata"]["annotations"][names.CHECK_ANNOTATION]
    return Task.model_validate_json(said)


async def is_read(space: Space, name: str) -> None:
    def read() -> bool:
        return bool(status(space).get("lastCheck", {}).get("name") == name)

    await space.until(read, f"{name} is read")


def runs(space: Space) -> list[Object]:
    """Oldest first; of one second, in the order of the releases."""
    return sorted(
        space.all(TRAINING_RUN),
        key=lambda run: (
            objects.created(run),
            objects.annotations(run).get(names.RELEASE_ANNOTATION, ""),
        ),
    )


async def run_of(space: Space, number: int) -> str:
    """The name of the ``number``-th run, as soon as there is one."""
    found: Object = await space.until(
        lambda: runs(space)[number - 1] if len(runs(space)) >= number else None,
        f"there is a run {number}",
    )
    return objects.name(found)


async def trains(space: Space, number: int = 1) -> str:
    name = await run_of(space, number)
    await space.has_pod(name)
    await node.source_ends(space, name)
    await space.reads("Training", name)
    await node.train_ends(space, name)
    await space.ended("Trained", name)
    return name


async def quiet(space: Space) -> None:
    """Wait until nothing is due and no run is going on."""

    def rests() -> bool:
        said = status(space)
        due = [one for one in said["triggers"] if one.get("due") or one.get("started")]
        return not due and not said.get("active")

    await space.until(rests, "nothing is going on")


async def only_three_checks_stay(space: Space) -> None:
    await space.until(lambda: space.job("check-1") is None, "the first of four checks is gone")


async def tags_train_in_their_order(space: Space) -> None:
    await create(space, RELEASE)
    await look(space, "check-1", release=[V1])
    await finds(space, "release", "Recorded")
    assert not runs(space)
    await look(space, "check-2", release=[V1, V2, V3])
    first = await trains(space, 1)
    second = await trains(space, 2)
    await quiet(space)
    trained = [space.run(name) or {} for name in (first, second)]
    assert [run["spec"]["source"]["git"]["revision"] for run in trained] == [V2.commit, V3.commit]
    assert [objects.annotations(run)[names.RELEASE_ANNOTATION] for run in trained] == [
        V2.name,
        V3.name,
    ]
    assert space.status(first)["trigger"]["type"] == "Release"


async def a_moved_tag_is_told_and_not_trained(space: Space) -> None:
    await create(space, RELEASE)
    await look(space, "check-1", release=[V1])
    moved = Tag(name=V1.name, commit=V3.commit)
    await look(space, "check-2", release=[moved])
    await finds(space, "release", "TagMoved")
    assert not runs(space)


async def new_data_train_once_each_way(space: Space) -> None:
    await create(space, DATA, cooldownSeconds=0)
    await look(space, "check-1", data=data("aaaa"))
    await finds(space, "data", "Recorded")
    await look(space, "check-2", data=data("bbbb"))
    name = await trains(space, 1)
    await look(space, "check-3", data=data("bbbb"))
    await look(space, "check-4", data=data("aaaa"))
    await trains(space, 2)
    await quiet(space)
    await only_three_checks_stay(space)
    assert len(runs(space)) == 2
    run = space.run(name) or {}
    assert run["spec"]["dvc"]["update"] == ["data/raw.csv.dvc"]
    evidence = space.status(name)["trigger"]["evidence"]
    assert evidence == "changed: data/raw.csv.dvc: aaaa -> bbbb."


async def drift_trains_once_for_the_same_data(space: Space) -> None:
    await create(space, DRIFT, cooldownSeconds=0)
    await look(space, "check-1", drift=drift("1", "0.0100"))
    await finds(space, "drift", "NotDrifted")
    await look(space, "check-2", drift=drift("2", "0.5000"))
    name = await trains(space)
    assert "petal 0.5000" in space.status(name)["trigger"]["evidence"]
    await look(space, "check-3", drift=drift("2", "0.5000"))
    await finds(space, "drift", "AlreadyTrained")
    assert told(space, "drift")["scores"] == [
        {"column": "petal", "outcome": "Scored", "psi": "0.5000"}
    ]
    await quiet(space)
    assert len(runs(space)) == 1


async def a_metric_trains_once_in_its_cooldown(space: Space) -> None:
    await create(space, QUALITY)
    await look(space, "check-1", quality=metric(0.95))
    await finds(space, "quality", "WithinThreshold")
    await look(space, "check-2", quality=metric(0.8))
    await trains(space)
    for number, value in enumerate((0.79, 0.78), start=3):
        await look(space, f"check-{number}", quality=metric(value))
    await space.until(
        lambda: "cooldownSeconds" in told(space, "quality").get("waits", ""), "it cools down"
    )
    await only_three_checks_stay(space)
    assert len(runs(space)) == 1


async def a_failed_run_waits_before_it_is_tried_again(space: Space) -> None:
    await create(space, QUALITY)
    await look(space, "check-1", quality=metric(0.8))
    name = await run_of(space, 1)
    await space.has_pod(name)
    await node.source_ends(space, name)
    await space.reads("Training", name)
    await node.train_ends(space, name, code=50, result=node.STAGE_FAILED)
    await space.ended("StageFailed", name)
    await look(space, "check-2", quality=metric(0.7))
    await space.until(lambda: "tried again" in told(space, "quality").get("waits", ""), "it waits")
    (due,) = told(space, "quality")["due"]
    ended = objects.moment(space.status(name)["completionTime"])
    assert ended is not None
    assert datetime.fromisoformat(due["notBefore"]).timestamp() - ended.timestamp() == 600
    assert due["retry"] == 1
    assert len(runs(space)) == 1


async def what_could_not_be_looked_at_starts_nothing(space: Space) -> None:
    await create(space, QUALITY, DATA)
    await look(
        space,
        "check-1",
        quality=Unseen(reason="NoSeries", message="accuracy has no value"),
        data=data("aaaa"),
    )
    await finds(space, "quality", "NoSeries")
    await start_check(space, "check-2")
    await node.check_ends(space, "check-2", None, code=79)
    await is_read(space, "check-2")
    found = objects.any_condition({"status": status(space)}, "Checked")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "CheckFailed")
    assert not runs(space)


async def newer_data_replace_older(space: Space) -> None:
    await create(space, DATA, concurrencyPolicy="Replace", cooldownSeconds=0)
    await look(space, "check-1", data=data("aaaa"))
    await look(space, "check-2", data=data("bbbb"))
    first = await run_of(space, 1)
    await space.has_pod(first)
    await look(space, "check-3", data=data("cccc"))
    await space.ended("Cancelled", first)
    await trains(space, 2)
    await quiet(space)
    assert len(runs(space)) == 2


async def suspended_starts_nothing(space: Space) -> None:
    await create(space, RELEASE, QUALITY)
    await look(space, "check-1", release=[V1], quality=metric(0.95))
    await patch_schedule(space, suspend=True)
    await ready(space, "Suspended")
    await look(space, "check-2", release=[V1, V2], quality=metric(0.8))
    await space.until(lambda: "suspend" in told(space, "release").get("waits", ""), "it waits")
    assert not runs(space)
    await patch_schedule(space, suspend=False)
    name = await trains(space)
    await quiet(space)
    assert objects.annotations(space.run(name) or {})[names.RELEASE_ANNOTATION] == V2.name
    assert len(runs(space)) == 1


async def a_deleted_run_stays_deleted(space: Space) -> None:
    await create(space, QUALITY, cooldownSeconds=0)
    await look(space, "check-1", quality=metric(0.8))
    name = await run_of(space, 1)
    await space.has_pod(name)
    await space.until(lambda: status(space).get("lastRun", {}).get("startTime"), "it is told")
    await space.api.delete(TRAINING_RUN, space.name, name)
    await space.until(lambda: not space.job(name) and len(space.all(POD)) == 1, "all is gone")
    await quiet(space)
    assert not runs(space)


async def all_is_deleted(space: Space) -> None:
    await create(space, QUALITY)
    await look(space, "check-1", quality=metric(0.8))
    await space.has_pod(await run_of(space, 1))
    await space.api.delete(RETRAIN_SCHEDULE, space.name, "iris")

    def left() -> list[Object]:
        kinds = (CRON_JOB, TRAINING_RUN, JOB, POD)
        return [item for kind in kinds for item in space.all(kind)]

    await space.until(lambda: not left(), "nothing of it is left")


TRIGGER_SCENARIOS: list[Scenario] = [
    tags_train_in_their_order,
    a_moved_tag_is_told_and_not_trained,
    new_data_train_once_each_way,
    drift_trains_once_for_the_same_data,
    a_metric_trains_once_in_its_cooldown,
    a_failed_run_waits_before_it_is_tried_again,
    what_could_not_be_looked_at_starts_nothing,
    newer_data_replace_older,
    suspended_starts_nothing,
    a_deleted_run_stays_deleted,
    all_is_deleted,
]
