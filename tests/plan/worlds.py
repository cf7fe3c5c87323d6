"""Worlds drawn at random: any run, whatever became of its Job and its pods."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from plan.builders import (
    JOB_UID,
    NOW,
    REPORTS,
    World,
    a_condition,
    a_job,
    a_mark,
    a_pod,
    a_run,
    ago,
    an_event,
    complete,
    failed,
    failed_by_policy,
    pod_states,
)
from retrain_core import names
from retrain_core.result import Result
from retrain_operator.kube.objects import Object

AGES = st.sampled_from([0, 4, 5, 20, 30, 61, 3600])

specs = st.fixed_dictionaries(
    {},
    optional={
        "suspend": st.booleans(),
        "cancel": st.booleans(),
        "queueName": st.just("gpus"),
        "retries": st.integers(0, 3),
        "startTimeoutSeconds": st.sampled_from([1, 60, 7200]),
        "timeoutSeconds": st.just(90),
        "ttlSecondsAfterFinished": st.sampled_from([0, 60]),
        "mlflow": st.just({"trackingURI": "http://mlflow:5000"}),
        "model": st.just({"name": "iris"}),
    },
)
wrong_specs: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"image": ""}, {"mlflow": {"trackingURI": "file:/x"}}, {"source": {}}, {"retries": 11}]
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@st.composite
def messages(draw: st.DrawFn) -> str:
    """Termination messages that user code may have written: reports, changed ones, anything."""
    report: dict[str, Any] = json.loads(draw(st.sampled_from([*REPORTS.values()])).dump())
    for field in draw(st.lists(st.sampled_from([*Result.model_fields]), max_size=2)):
        report[field] = draw(anything)
    if draw(st.booleans()):
        report["mlflow"] = {
            "runID": draw(st.sampled_from(["f" * 32, "../../../x", "f" * 32 + "\n"])),
            "experimentID": draw(st.sampled_from(["1", "1/../2", "x" * 65])),
            "url": draw(st.sampled_from(["https://evil.example.com", "javascript:alert(1)"])),
        }
    return draw(
        st.just(json.dumps(report))
        | st.just(json.dumps(report)[:-9])
        | anything.map(json.dumps)
        | st.text()
        | st.text().map(lambda text: json.dumps({"message": text}))
        | st.integers(0, 5000).map(lambda size: json.dumps({"message": "\x1b" * size}))
    )


MESSAGES = [
    *("", "garbage", "[]", '{"reason": "Trained"}', '{"message": "\\u0000 \\n x"}', "\ud800"),
    json.dumps({"mlflow": {"runID": "f" * 32, "experimentID": "1", "url": "https://evil"}}),
    json.dumps({"reason": "StageFailed", "message": "x" * 4000}),
    json.dumps({"reason": "UpToDate", "commit": "d" * 40, "stages": []}),
]


@st.composite
def pods(draw: st.DrawFn) -> list[Object]:
    """Up to three, oldest first, with messages of any kind in them."""
    found = []
    for number, age in enumerate(sorted(draw(st.lists(AGES, max_size=3)), reverse=True)):
        gone = draw(st.none() | AGES)
        pod = a_pod(draw(st.sampled_from([*pod_states()])), f"iris-{number}", age=age, deleted=gone)
        status = pod["status"]
        for container in (
            *status.get("initContainerStatuses", ()),
            *status.get("containerStatuses", ()),
        ):
            ended = container["state"].get("terminated")
            if ended is not None and draw(st.booleans()):
                ended["message"] = draw(st.sampled_from(MESSAGES))
                ended["exitCode"] = draw(
                    st.sampled_from([ended["exitCode"], 1, 50, 79, 137, 143, 255])
                )
        found.append(pod)
    return found


CONDITIONS = st.sampled_from(
    [
        (),
        (),
        (complete(),),
        (failed(),),
        (failed_by_policy(50),),
        (failed("DeadlineExceeded"),),
        (a_condition("FailureTarget", "PodFailurePolicy"),),
        (a_condition("SuccessCriteriaMet"),),
        (a_condition("Suspended", "JobSuspended"),),
    ]
)


@st.composite
def jobs(draw: st.DrawFn) -> Object:
    """Ours in any state, one of another run of the name, or somebody else's."""
    uid = draw(st.sampled_from([JOB_UID, JOB_UID, "other-job"]))
    started = draw(st.none() | AGES)
    job = a_job(None, *draw(CONDITIONS), uid=uid, started=started)
    if draw(st.booleans()):
        job["spec"]["suspend"] = draw(st.booleans())
    if draw(st.booleans()):
        job["spec"]["ttlSecondsAfterFinished"] = 5
    if draw(st.booleans()):
        job["metadata"]["deletionTimestamp"] = ago(1)
    if draw(st.integers(0, 5)) == 0:
        owner = {"kind": draw(st.sampled_from(["TrainingRun", "CronJob"])), "name": "iris"}
        owners = [{**owner, "uid": "other", "controller": True}]
        job["metadata"]["ownerReferences"] = draw(st.sampled_from([[], owners]))
    return job


events = st.lists(
    st.builds(
        an_event,
        st.sampled_from(["FailedCreate", "FailedMount", "Pulling", "SuccessfulCreate"]),
        st.sampled_from(["exceeded quota: x", 'secret "x" not found', "", "\x00."]),
        age=AGES,
    ),
    max_size=2,
)


@st.composite
def looks(draw: st.DrawFn, run: Object) -> World:
    """What may be seen of ``run`` at some time."""
    later = NOW + timedelta(seconds=draw(st.sampled_from([0, 10, 90, 86400])))
    job = draw(st.none() | jobs())
    found = draw(pods()) if job is not None else []
    return World(run, job, found, draw(events), now=later)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any moment in the life of a run: each status in it was planned in an earlier one."""
    spec: dict[str, Any] = draw(wrong_specs if draw(st.integers(0, 9)) == 0 else specs)
    run = a_run(generation=draw(st.sampled_from([1, 2])), **spec)
    if draw(st.integers(0, 9)) == 0:
        run["metadata"]["deletionTimestamp"] = ago(1)
    if draw(st.integers(0, 4)) == 0:
        said = draw(st.sampled_from([a_mark(), a_mark("StageFailed"), a_mark(name="other"), "x"]))
        run["metadata"]["annotations"][names.ENDED_ANNOTATION] = said
    world = draw(looks(run))
    for _ in range(draw(st.integers(0, 2))):
        world = draw(looks(world.after(world.plan()).run))
        if draw(st.booleans()):
            changed = {"suspend": draw(st.booleans()), "cancel": draw(st.booleans())}
            metadata = {**world.run["metadata"], "generation": 3}
            run = {**world.run, "metadata": metadata, "spec": {**world.run["spec"], **changed}}
            world = replace(world, run=run)
    return world
