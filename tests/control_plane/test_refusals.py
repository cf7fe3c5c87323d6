"""What a cluster refuses, and that the run says so in words that help."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from control_plane import node
from control_plane.api import LIMIT_RANGE, NAMESPACE, POLICY, POLICY_BINDING, QUOTA, Answered
from control_plane.scenarios import foreign_job
from control_plane.space import Space
from control_plane.world import World, side_by_side
from retrain_operator.kube.objects import JOB, POD, Object

NO_SCHEDULER_NEEDED = {"schedulerName": "nobody"}
NOWHERE: Object = {"pod": {"nodeSelector": {"example.com/nowhere": ""}}}
CPU = {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}


def pod(**fields: Any) -> Object:
    return {"pod": {**NO_SCHEDULER_NEEDED, **fields}}


async def no_pods_left(space: Space) -> None:
    await quota(space, pods="0")


async def no_jobs_left(space: Space) -> None:
    await quota(space, **{"count/jobs.batch": "0"})


async def little_cpu(space: Space) -> None:
    await quota(space, **{"requests.cpu": "1"})


async def small_containers_only(space: Space) -> None:
    limits = {"type": "Container", "max": {"cpu": "1"}}
    body = {"metadata": {"name": "small"}, "spec": {"limits": [limits]}}
    await space.api.create(LIMIT_RANGE, space.name, body)


async def a_policy_against_pods(space: Space) -> None:
    """In force once it refuses a pod that somebody tries."""
    name = {"metadata": {"name": space.name}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{**rule, "resources": ["pods"]}]},
        "validations": [{"expression": "false", "message": "no pods on Sundays"}],
    }
    await space.api.create(POLICY, None, {**name, "spec": spec})
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}}}
    bound = {"policyName": space.name, "validationActions": ["Deny"], "matchResources": here}
    await space.api.create(POLICY_BINDING, None, {**name, "spec": bound})
    await refused_to_everybody(space, "no pods on Sundays")


async def refused_to_everybody(space: Space, why: str) -> None:
    template = foreign_job()["spec"]["template"]
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"}, **template}
    for _ in range(1500):
        try:
            await space.api.call("POST", f"{POD.path(space.name)}?dryRun=All", body)
        except Answered as no:
            if why in no.message:
                return
        await asyncio.sleep(0.02)
    raise AssertionError(f"nothing is refused for {why}")


async def quota(space: Space, **hard: str) -> None:
    """In force once its use has been counted."""
    await space.api.create(QUOTA, space.name, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    for _ in range(1500):
        found = await space.api.get(QUOTA, space.name, "q")
        if found and found["status"].get("hard"):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the quota is not counted")


async def nothing(_: Space) -> None:
    pass


@dataclass(frozen=True)
class Refused:
    setting: Callable[[Space], Awaitable[None]]
    reason: str
    says: str
    spec: Object = field(default_factory=dict)


REFUSALS = [
    Refused(no_pods_left, "QuotaExceeded", "no pod can be created: "),
    Refused(no_jobs_left, "QuotaExceeded", "the Job is refused: "),
    Refused(little_cpu, "QuotaExceeded", "requested: requests.cpu=2", pod(resources=CPU)),
    Refused(little_cpu, "PodRefused", "must specify requests.cpu"),
    Refused(
        small_containers_only,
        "PodRefused",
        "maximum cpu usage per Container is 1",
        pod(resources=CPU),
    ),
    Refused(a_policy_against_pods, "PodRefused", "no pods on Sundays"),
    Refused(nothing, "Unschedulable", "no node takes the pod: ", NOWHERE),
]


async def test_each_refusal_is_told_by_its_name_and_in_the_cluster_s_words(world: World) -> None:
    spaces = [await world.space() for _ in REFUSALS]
    operator = await world.operator(*spaces)
    await operator.started()

    async def check(space: Space, refused: Refused) -> None:
        await refused.setting(space)
        await space.create_run(**refused.spec)
        await space.reads(refused.reason)
        assert refused.says in space.message()
        assert [c["status"] for c in space.status()["conditions"]] == ["Unknown", "True"]

    await asyncio.gather(*map(check, spaces, REFUSALS))


async def test_a_run_goes_on_when_the_quota_is_raised(world: World) -> None:
    await side_by_side(goes_on(world, refusing) for refusing in (no_pods_left, no_jobs_left))


async def goes_on(world: World, refusing: Callable[[Space], Awaitable[None]]) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.limits["retrain_operator.plan.rules:REFUSED_AGAIN"] = timedelta(seconds=2)
    await operator.started()
    await refusing(space)
    await space.create_run()
    await space.reads("QuotaExceeded")
    await space.api.delete(QUOTA, space.name, "q")
    await space.has_pod()
    await node.source_ends(space)
    await node.train_ends(space)
    await space.ended("Trained")


async def test_a_pod_that_no_node_takes_in_time_ends_the_run_with_that_reason(
    world: World,
) -> None:
    space, _ = await world.settled_in()
    await space.create_run(startTimeoutSeconds=2, **NOWHERE)
    await space.until(lambda: space.status().get("completionTime"), "the run has ended")
    assert space.reason() == "Unschedulable"
    assert "the pod did not start within 2 s: no node takes the pod: " in space.message()
    await space.until(lambda: not space.all(JOB) and not space.all(POD), "its Job is gone")


async def test_what_somebody_has_to_put_right_is_waited_for_and_then_ends_the_run(
    world: World,
) -> None:
    space = await world.space()
    operator = await world.operator(space)
    operator.limits["retrain_operator.plan.starting:TO_PUT_RIGHT"] = timedelta(seconds=2)
    await operator.started()
    await space.create_run()
    await node.image_cannot_be_pulled(space)
    await space.until(lambda: space.status().get("completionTime"), "the run has ended")
    assert space.reason() == "ImagePullFailed"
    assert "the pod could not start for 0 minutes: image localhost/" in space.message()
    await space.until(lambda: not space.all(JOB) and not space.all(POD), "its Job is gone")


async def test_the_namespaces_of_these_tests_enforce_the_restricted_standard(
    world: World,
) -> None:
    space = await world.space()
    found = await space.api.get(NAMESPACE, None, space.name)
    assert found
    assert found["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    loose = {"containers": [{"name": "c", "image": "localhost/c:test"}]}
    with pytest.raises(Answered) as refused:
        await space.api.create(POD, space.name, {"metadata": {"name": "loose"}, "spec": loose})
    assert "violates PodSecurity" in refused.value.message
