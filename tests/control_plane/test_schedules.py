"""Schedules and their clocks while no operator lives, mended, renamed, and misused."""

import copy
import json

import pytest

from control_plane import node, schedules
from control_plane.scenarios import foreign_job
from control_plane.schedules import (
    CLOCK,
    NEVER,
    clock,
    create_schedule,
    is_recorded,
    last,
    patch_schedule,
    ready,
    status,
    tick,
)
from control_plane.space import TRAINING
from control_plane.world import World
from retrain_operator.kube import objects
from retrain_operator.kube.objects import (
    CRON_JOB,
    EVENT,
    JOB,
    RETRAIN_SCHEDULE,
    TRAINING_RUN,
    Object,
)


async def test_what_the_clock_starts_while_no_operator_lives_is_recorded_later_once(
    world: World,
) -> None:
    space, operator = await world.settled_in()
    await create_schedule(space)
    await ready(space)
    operator.kill()
    for name in ("iris-1", "iris-2", "iris-3"):
        await tick(space, name)
        await node.source_ends(space, name)
    await node.train_ends(space, "iris-1")
    await node.train_ends(space, "iris-2", code=50, result=node.STAGE_FAILED)
    operator.start()
    await space.ended("Trained", "iris-1")
    await space.ended("StageFailed", "iris-2")
    await space.reads("Training", "iris-3")
    assert space.status("iris-1")["commit"] == node.COMMIT
    assert operator.proxy.count("create", "trainingruns") == 3
    assert operator.proxy.count("create", "jobs") == 0


@pytest.mark.exhaustive
@pytest.mark.timeout(420)
async def test_the_clock_goes_on_for_three_minutes_without_an_operator_and_nothing_is_lost(
    world: World,
) -> None:
    """The only test that waits for Kubernetes' own clock."""
    space, operator = await world.settled_in()
    await create_schedule(
        space,
        {"name": "weekly", "cron": {"schedule": "* * * * *"}},
        successfulRunsHistoryLimit=10,
    )
    await ready(space)

    async def next_job(after: int) -> str:
        def newest() -> str | None:
            jobs = sorted(space.all(JOB), key=objects.created)
            return objects.name(jobs[-1]) if len(jobs) > after else None

        name: str = await space.until(newest, "the clock starts a Job", seconds=80)
        await node.source_ends(space, name)
        await node.train_ends(space, name)
        return name

    first = await next_job(after=0)
    await space.ended("Trained", first)
    operator.kill()
    missed = [await next_job(after=number) for number in (1, 2, 3)]
    operator.start()
    for name in missed:
        await space.ended("Trained", name)
        status_of_run = space.status(name)
        assert status_of_run["trigger"]["evidence"].startswith("due at ")
        assert status_of_run["commit"] == node.COMMIT
    runs, jobs = space.all(TRAINING_RUN), space.all(JOB)
    assert len(runs) == len({objects.name(run) for run in runs}) == len(jobs)
    assert operator.proxy.count("create", "trainingruns") == len(jobs)


async def test_a_schedule_whose_deletion_the_watch_has_not_told_gets_no_new_clock(
    world: World,
) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.limits["retrain_operator.runtime.operator:EARLY_RESYNCS"] = ()
    await operator.started()
    await create_schedule(space)
    await ready(space)
    operator.proxy.hidden = lambda resource, _event: resource == RETRAIN_SCHEDULE.plural
    before = len(operator.proxy.calls)
    await space.api.delete(RETRAIN_SCHEDULE, space.name, "iris")

    def looked() -> bool:
        calls = operator.proxy.calls[before:]
        return any((c.verb, c.resource) == ("get", RETRAIN_SCHEDULE.plural) for c in calls)

    await space.until(looked, "the operator has looked for it when its clock was gone")
    await space.create_run("other")
    await space.has_pod("other")
    assert not [label for label in operator.proxy.writes(before) if "cronjobs" in label]


async def test_a_record_is_of_the_template_that_its_job_was_made_from(world: World) -> None:
    space, operator = await world.settled_in()
    await create_schedule(space)
    await ready(space)
    operator.kill()
    await tick(space, "iris-1")
    changed = {"spec": {**TRAINING, "retries": 3}}
    await patch_schedule(space, runTemplate=changed)
    operator.start()
    await is_recorded(space, "iris-1")
    assert "retries" not in (space.run("iris-1") or {})["spec"]
    await ready(space)
    await tick(space, "iris-2")
    await is_recorded(space, "iris-2")
    assert (space.run("iris-2") or {})["spec"]["retries"] == 3


async def test_a_changed_clock_takes_effect(world: World) -> None:
    space, _ = await world.settled_in()
    await create_schedule(space)
    await ready(space)
    moved = {"schedule": "0 3 * * *", "timeZone": "Asia/Seoul"}
    await patch_schedule(space, triggers=[{"name": "weekly", "cron": moved}])

    def has_moved() -> bool:
        clocks = [{key: item["spec"][key] for key in moved} for item in space.all(CRON_JOB)]
        told = str(status(space).get("nextScheduleTime"))
        return clocks == [moved] and told.endswith("T03:00:00+09:00")

    await space.until(has_moved, "the clock has moved, and its next time is told")
    await ready(space)


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ({"schedule": "61 * * * *"}, "iris-weekly: "),
        ({"schedule": NEVER, "timeZone": "Mars/Olympus"}, "unknown time zone Mars/Olympus"),
    ],
    ids=["schedule", "zone"],
)
async def test_a_clock_that_the_api_server_refuses_is_told_and_heals_when_it_is_mended(
    world: World, cron: Object, words: str
) -> None:
    space, _ = await world.settled_in()
    await create_schedule(space, {"name": "weekly", "cron": cron})
    await ready(space, "CronJobRefused")
    assert words in status(space)["conditions"][0]["message"]
    await patch_schedule(space, triggers=[schedules.WEEKLY])
    await ready(space)
    await clock(space)


async def test_a_template_that_cannot_be_run_is_told_and_the_clock_can_still_be_suspended(
    world: World,
) -> None:
    space, _ = await world.settled_in(defaults={})
    sqlite = {**TRAINING, "mlflow": {"trackingURI": "http://mlflow:5000"}}
    await create_schedule(space, runTemplate={"spec": sqlite})
    await ready(space)
    await patch_schedule(space, runTemplate={"spec": {"mlflow": {"trackingURI": "sqlite:///x"}}})
    await ready(space, "InvalidSpec")
    told = status(space)["conditions"][0]["message"]
    assert "spec.runTemplate.spec.mlflow.trackingURI: sqlite:///x ends with the pod" in told
    assert not (await clock(space))["spec"]["suspend"]
    await patch_schedule(space, suspend=True)
    await space.until(
        lambda: any(item["spec"]["suspend"] for item in space.all(CRON_JOB)),
        "the clock stands still",
    )


async def test_a_clock_that_somebody_stopped_goes_again(world: World) -> None:
    space, _ = await world.settled_in()
    await create_schedule(space)
    await ready(space)
    await space.api.patch(CRON_JOB, space.name, CLOCK, {"spec": {"suspend": True}})
    await space.live.catch_up(space.name)
    await space.until(lambda: not space.all(CRON_JOB)[0]["spec"]["suspend"], "it goes again")


async def test_a_run_that_is_not_the_schedule_s_is_no_record_and_left_alone(world: World) -> None:
    space, _ = await world.settled_in()
    await create_schedule(space)
    await ready(space)
    own = await space.create_run("iris-1", suspend=True)
    await tick(space, "iris-1")
    await ready(space, "NameTaken")
    assert objects.uid(space.run("iris-1") or {}) == objects.uid(own)
    assert "retrain.dev/recorded" not in objects.annotations(space.job("iris-1") or {})


async def test_a_run_that_claims_somebody_s_job_gets_no_hold_of_it(world: World) -> None:
    """Whoever may create runs must not stop or delete other Jobs by them."""
    space, operator = await world.settled_in()
    foreign = await space.api.create(JOB, space.name, foreign_job())
    metadata = {
        "name": "iris",
        "annotations": {"retrain.dev/job-uid": objects.uid(foreign)},
    }
    body = {"metadata": metadata, "spec": {**TRAINING, "cancel": True}}
    await space.api.create(TRAINING_RUN, space.name, body)
    await schedules.looked_at_run(operator, space)
    assert objects.uid(space.job() or {}) == objects.uid(foreign)
    assert operator.proxy.count("delete", "jobs") == operator.proxy.count("patch", "jobs") == 0


async def test_a_schedule_made_anew_takes_over_from_the_clock_that_was_let_go(
    world: World,
) -> None:
    space, operator = await world.settled_in()
    await create_schedule(space)
    await ready(space)
    first = objects.uid(await clock(space))
    operator.kill()
    await space.api.delete(RETRAIN_SCHEDULE, space.name, "iris", "Orphan")
    await space.until(lambda: not space.all(RETRAIN_SCHEDULE), "the schedule is gone")
    await create_schedule(space)
    operator.start()
    await ready(space)

    def anew() -> bool:
        return [objects.uid(item) for item in space.all(CRON_JOB)] not in ([], [first])

    await space.until(anew, "there is a clock of its own")


async def test_what_is_told_of_a_schedule(world: World) -> None:
    space, _ = await world.settled_in()
    await create_schedule(space)
    await ready(space)
    await tick(space, "iris-1")
    await is_recorded(space, "iris-1")
    await space.until(lambda: status(space).get("active") == ["iris-1"], "it is active")
    await space.has_pod("iris-1")
    await node.source_ends(space, "iris-1")
    await node.train_ends(space, "iris-1")
    await last(space, "Trained")
    told = status(space)
    assert told["active"] == []
    assert told["lastSuccessfulRun"]["name"] == told["lastRun"]["name"] == "iris-1"
    assert told["championVersion"] == "3"
    events = await space.api.list(EVENT, space.name)
    notes = [event.get("note", "") for event in events if event.get("reason") == "RunStarted"]
    assert notes == ["iris-1: trigger weekly: started by hand from the CronJob"]


async def test_a_clock_that_somebody_changed_is_put_right_and_told_whether_an_operator_lived(
    world: World,
) -> None:
    """Each later tick would run what was put there, with the team's credentials."""
    space, operator = await world.settled_in()
    release = {"name": "release", "release": {"tagPattern": "v*"}}
    await create_schedule(space, schedules.WEEKLY, release)
    await ready(space)
    before = {name: (await clock(space, name))["spec"] for name in (CLOCK, "iris-check")}

    async def change(name: str) -> None:
        pod = copy.deepcopy(before[name]["jobTemplate"]["spec"]["template"]["spec"])
        pod["containers"][0]["image"] = "evil.example/backdoor:1"
        pod["initContainers"].append({**pod["containers"][0], "name": "another"})
        pod["hostNetwork"] = True
        template = {"spec": {"template": {"spec": pod}}}
        changed = await space.api.patch(
            CRON_JOB,
            space.name,
            name,
            {
                "metadata": {"labels": {"retrain.dev/trigger": "other"}},
                "spec": {"jobTemplate": template, "failedJobsHistoryLimit": 1},
            },
        )
        assert "evil" in str(changed["spec"])
        await space.live.catch_up(space.name)

    def right() -> bool:
        items = {objects.name(item): item for item in space.all(CRON_JOB)}
        kept = all(
            objects.labels(item)["retrain.dev/trigger"] != "other" for item in items.values()
        )
        return kept and {name: item["spec"] for name, item in items.items()} == before

    await change(CLOCK)
    await space.until(right, "the clock is as it was")
    operator.kill()
    await change(CLOCK)
    await change("iris-check")
    operator.start()
    await space.until(right, "both are as they were")
    await operator.ready()
    events = await space.api.list(EVENT, space.name)
    notes = {event["note"] for event in events if event["reason"] == "CronJobRepaired"}
    assert "CronJob iris-weekly was changed by somebody and is as the spec says again" in notes


async def test_what_only_looks_like_the_schedule_s_is_neither_recorded_nor_deleted(
    world: World,
) -> None:
    space, _ = await world.settled_in()
    await create_schedule(space)
    await ready(space)
    made = await clock(space)
    kept = {key: made["metadata"][key] for key in ("labels", "annotations")}
    copied = {"metadata": {"name": "my-own-copy", **kept}, "spec": made["spec"]}
    await space.api.create(CRON_JOB, space.name, copied)
    job = foreign_job()
    template = {"spec": {**TRAINING, "source": {"git": {"url": "https://evil.example/x.git"}}}}
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": CLOCK, "controller": True}
    job["metadata"] = {
        "name": "forged",
        "labels": kept["labels"],
        "annotations": {"retrain.dev/run-template": json.dumps(template)},
        "ownerReferences": [{**owner, "uid": objects.uid(made)}],
    }
    await space.api.create(JOB, space.name, job)
    await tick(space, "iris-1")
    await is_recorded(space, "iris-1")
    await space.api.delete(RETRAIN_SCHEDULE, space.name, "iris", "Orphan")

    def let_go() -> bool:
        return CLOCK not in [objects.name(item) for item in space.all(CRON_JOB)]

    await space.until(let_go, "the schedule's own clock is gone")
    assert [objects.name(item) for item in space.all(CRON_JOB)] == ["my-own-copy"]
    assert [objects.name(run) for run in space.all(TRAINING_RUN)] == ["iris-1"]
