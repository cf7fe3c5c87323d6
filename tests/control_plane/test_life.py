"""What people do with runs, and what is left of them."""

from typing import Any

import pytest

from control_plane import node
from control_plane.api import Answered
from control_plane.scenarios import foreign_job, queued, trained
from control_plane.space import Space
from control_plane.world import World, side_by_side
from retrain_operator.kube import objects
from retrain_operator.kube.objects import EVENT, JOB, POD, TRAINING_RUN

APART = {
    "events",
    # The controller manager's own, which may come late.
    "configmaps",
}


async def left(space: Space) -> set[str]:
    """Everything in the namespace that can be listed, events apart."""
    found = set()
    for group in await versions(space):
        for resource in (await space.api.call("GET", group))["resources"]:
            if not resource["namespaced"] or "list" not in resource["verbs"]:
                continue
            if resource["name"] in APART:
                continue
            path = f"{group}/namespaces/{space.name}/{resource['name']}"
            items = (await space.api.call("GET", path))["items"]
            found |= {f"{resource['name']}/{objects.name(item)}" for item in items}
    return found


async def versions(space: Space) -> list[str]:
    groups = (await space.api.call("GET", "apis"))["groups"]
    return ["api/v1", *(f"apis/{group['preferredVersion']['groupVersion']}" for group in groups)]


async def test_a_deleted_run_leaves_nothing(world: World) -> None:
    times = ("training", "trained", "suspended")
    await side_by_side(is_deleted(world, when) for when in times)


async def is_deleted(world: World, when: str) -> None:
    space, _ = await world.settled_in()
    before = await left(space)
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    if when == "trained":
        await node.train_ends(space)
        await space.ended("Trained")
    if when == "suspended":
        await space.patch_run(suspend=True)
        await space.reads("Suspended")
    assert {"trainingruns/iris", "jobs/iris"} <= await left(space) - before
    await space.api.delete(TRAINING_RUN, space.name, "iris")
    await space.until(
        lambda: not any(map(space.all, (TRAINING_RUN, JOB, POD))), "run, Job and pod are gone"
    )
    assert await left(space) == before


async def test_suspending_stops_the_pod_and_resuming_starts_another(world: World) -> None:
    space, _ = await world.settled_in()
    await space.create_run()
    await space.has_pod()
    first = space.status()["podName"]
    await space.patch_run(suspend=True)
    await space.until(lambda: not space.pods(), "the pod is gone")
    job = space.job()
    assert job
    assert job["spec"]["suspend"] is True
    await space.reads("Suspended")
    await space.patch_run(suspend=False)
    await space.has_pod()
    assert space.status()["podName"] != first
    assert space.status()["attempts"] == 2
    resumed = space.job()
    assert resumed
    assert objects.uid(resumed) == objects.uid(job)


async def test_a_cancelled_run_keeps_its_record(world: World) -> None:
    space, _ = await world.settled_in()
    await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await space.patch_run(cancel=True)
    await space.ended("Cancelled")
    status = space.status()
    assert status["commit"] == node.COMMIT
    assert status["mlflow"]["url"].endswith("/runs/" + "b" * 32)
    assert {c["type"]: c["status"] for c in status["conditions"]} == {
        "Succeeded": "False",
        "Stalled": "True",
    }
    await space.until(lambda: not space.all(JOB) and not space.all(POD), "its Job is gone")


async def test_each_new_reason_is_an_event_of_the_run(world: World) -> None:
    space, _ = await world.settled_in()
    run = await space.create_run()
    await space.has_pod()
    await node.source_ends(space)
    await space.reads("Training")
    await node.train_ends(space, code=50, result=node.STAGE_FAILED)
    await space.ended("StageFailed")
    events = await space.api.list(EVENT, space.name)
    ours = [e for e in events if e["reportingController"] == "retrain.dev/retrain-operator"]
    assert [(e["type"], e["reason"]) for e in sorted(ours, key=objects.version)] == [
        ("Normal", "Starting"),
        ("Normal", "Training"),
        ("Warning", "StageFailed"),
    ]
    assert {e["regarding"]["uid"] for e in ours} == {objects.uid(run)}
    assert ours[-1]["note"]


CHANGES: list[dict[str, Any]] = [
    {"image": "localhost/other:1"},
    {"retries": 1},
    {"queueName": "team"},
    {"source": {"git": {"url": "https://git.example/other.git"}}},
    {"pod": None},
]


async def test_what_was_asked_for_cannot_be_changed(world: World) -> None:
    space = await world.space()
    await space.create_run()
    for change in CHANGES:
        with pytest.raises(Answered) as refused:
            await space.patch_run(**change)
        assert refused.value.code == 422, change
        assert (
            "only suspend, cancel and ttlSecondsAfterFinished of a TrainingRun can be changed:"
            " make a new TrainingRun for everything else"
        ) in refused.value.message


async def test_a_cancelled_run_cannot_be_taken_up_again(world: World) -> None:
    space = await world.space()
    await space.create_run(cancel=True)
    with pytest.raises(Answered) as refused:
        await space.patch_run(cancel=False)
    assert refused.value.code == 422
    assert "a cancelled run stays cancelled: make a new TrainingRun" in refused.value.message


async def test_a_job_of_somebody_else_is_left_alone(world: World) -> None:
    space, operator = await world.settled_in()
    job = await space.api.create(JOB, space.name, foreign_job())
    await space.create_run()
    await space.ended("NameTaken")
    assert "iris" in space.message()
    await space.patch_run(cancel=True)
    await space.api.delete(TRAINING_RUN, space.name, "iris")
    await space.until(lambda: space.run() is None, "the run is gone")
    kept = await space.api.get(JOB, space.name, "iris")
    assert kept
    assert kept["metadata"]["uid"] == objects.uid(job)
    assert kept["metadata"]["generation"] == job["metadata"]["generation"]
    assert not [
        label
        for label in operator.proxy.writes()
        if label.endswith(" jobs") or "patch jobs" in label
    ]


async def test_kueue_alone_suspends_and_starts_a_queued_run(world: World) -> None:
    space, operator = await world.settled_in()
    await queued(space)
    job = space.job()
    assert job
    assert objects.labels(job)["kueue.x-k8s.io/queue-name"] == "team"
    assert not [label for label in operator.proxy.writes() if label.startswith("patch jobs")]


async def test_a_queued_run_that_kueue_stops_waits_for_its_turn_again(world: World) -> None:
    space, operator = await world.settled_in()
    await space.create_run(queueName="team")
    await space.reads("Queued")
    assert not space.pods()
    for _ in range(2):
        await space.api.patch(JOB, space.name, "iris", {"spec": {"suspend": False}})
        await space.has_pod()
        await space.reads("Starting")
        await space.api.patch(JOB, space.name, "iris", {"spec": {"suspend": True}})
        await space.reads("Queued")
    assert not [label for label in operator.proxy.writes() if label.startswith("patch jobs")]


async def test_suspending_a_queued_run_only_withholds_its_job(world: World) -> None:
    space, operator = await world.settled_in()
    await space.create_run(queueName="team", suspend=True)
    await space.reads("Suspended")
    assert space.job() is None
    await space.patch_run(suspend=False)
    await space.reads("Queued")
    job = space.job()
    assert job
    assert job["spec"]["suspend"] is True
    assert not [label for label in operator.proxy.writes() if label.startswith("patch jobs")]


async def test_runs_that_had_ended_train_nothing_when_they_are_restored_from_a_backup(
    world: World,
) -> None:
    """Backups, and `kubectl get -o yaml | kubectl create`, bring objects without their status."""
    space, operator = await world.settled_in()
    await trained(space)
    await space.create_run("failed", cancel=True)
    await space.ended("Cancelled", "failed")
    backup = [await space.api.get(TRAINING_RUN, space.name, name) for name in ("iris", "failed")]
    for name in ("iris", "failed"):
        await space.api.delete(TRAINING_RUN, space.name, name)
    await space.until(lambda: not any(map(space.all, (TRAINING_RUN, JOB))), "all is gone")
    for item in backup:
        assert item
        metadata = {key: item["metadata"][key] for key in ("name", "annotations")}
        spec = {**item["spec"], "cancel": False}
        await space.api.create(TRAINING_RUN, space.name, {"metadata": metadata, "spec": spec})
    await space.ended("Trained")
    await space.ended("Cancelled", "failed")
    assert "nothing is trained again" in space.message()
    for name, item in zip(("iris", "failed"), backup, strict=True):
        assert item
        assert space.status(name)["completionTime"] == item["status"]["completionTime"]
    assert operator.proxy.count("create", "jobs") == 1


async def test_what_an_apply_or_a_replace_leaves_out_is_marked_again(world: World) -> None:
    """The mark is the operator's alone: it is in nobody's manifest."""
    space, _ = await world.settled_in()
    run = await space.create_run(cancel=True)
    await space.ended("Cancelled")
    metadata = {"annotations": {"retrain.dev/ended": None}}
    await space.api.patch(TRAINING_RUN, space.name, "iris", {"metadata": metadata})
    await space.live.catch_up(space.name)
    await space.ended("Cancelled")
    assert (space.run() or {})["metadata"]["generation"] == run["metadata"]["generation"]
