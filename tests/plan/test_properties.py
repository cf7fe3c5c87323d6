"""What holds of every plan, whatever is observed."""

from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from plan.builders import SETTINGS, World, a_job, a_pod, a_run, complete, condition, failed
from plan.kstatus import kstatus
from plan.schema import check_status
from plan.worlds import messages, worlds
from retrain_core.outcome import OUTCOMES, Activity, Reason
from retrain_operator.kube import objects
from retrain_operator.kube.objects import JOB, POD, TRAINING_RUN, Object
from retrain_operator.plan.ended import is_marked
from retrain_operator.plan.rules import plan
from retrain_operator.plan.types import Refusal
from retrain_operator.runtime.trim import trimmed

EVERY = settings(max_examples=100, suppress_health_check=[*HealthCheck])


@EVERY
@given(worlds())
def test_a_job_is_created_only_for_a_run_that_has_never_had_one_and_is_to_start(
    world: World,
) -> None:
    decided = world.plan()
    if decided.create_job is None:
        return
    run, status = world.run, world.run.get("status", {})
    assert world.job is None
    assert {"jobUID", "completionTime"} & status.keys() == set()
    assert not is_marked(run)
    assert not run["spec"].get("suspend")
    assert not run["spec"].get("cancel")
    assert "deletionTimestamp" not in run["metadata"]
    assert (decided.patch_job, decided.delete_job, decided.delete_run) == (None, False, False)


@EVERY
@given(worlds())
def test_a_job_that_is_not_ours_is_never_touched(world: World) -> None:
    decided = world.plan()
    if decided.patch_job is not None or decided.delete_job:
        assert world.job is not None
        assert objects.controlled_by(world.job, world.run)


@EVERY
@given(worlds())
def test_what_the_store_leaves_out_of_an_object_is_not_missed(world: World) -> None:
    status = world.run.get("status", {})
    told = status.get("observedGeneration") == objects.generation(world.run)
    # Such a run is looked at live: its status is to be written once more.
    assume(told or "completionTime" not in status)
    kept = replace(
        world,
        run=trimmed(TRAINING_RUN, world.run),
        job=world.job and trimmed(JOB, world.job),
        pods=[trimmed(POD, pod) for pod in world.pods],
    )
    assert kept.plan() == world.plan()


@EVERY
@given(worlds())
def test_an_outcome_that_is_stored_stays(world: World) -> None:
    before = world.run.get("status", {})
    after = world.after(world.plan()).run.get("status", {})
    if "completionTime" in before:
        assert {**after, "observedGeneration": 0} == {**before, "observedGeneration": 0}


@EVERY
@given(worlds())
def test_what_was_planned_is_planned_again_unchanged(world: World) -> None:
    stored = world.after(world.plan())
    assert stored.plan().status in (None, stored.run.get("status"))


@EVERY
@given(worlds())
def test_the_api_server_takes_every_status_and_keeps_all_of_it(world: World) -> None:
    status = world.plan().status
    if status is not None:
        check_status(status)


@EVERY
@given(worlds())
def test_every_reason_is_in_a_table_and_fits_its_status(world: World) -> None:
    status = world.plan().status
    if status is None:
        return
    told = condition(status)
    if told["status"] == "Unknown":
        assert told["reason"] in {*Activity, *Reason}
        assert "completionTime" not in status
    else:
        assert str(OUTCOMES[Reason(told["reason"])].succeeded) == told["status"]
        assert "completionTime" in status


@EVERY
@given(worlds())
def test_tools_that_wait_see_an_end_where_there_is_one(world: World) -> None:
    decided = world.plan()
    stored = world.after(decided)
    if decided.delete_run:
        return
    if (status := stored.run.get("status")) is None or kstatus(stored.run) == "Terminating":
        return
    if "completionTime" not in status:
        assert kstatus(stored.run) == "InProgress"
    else:
        ended_well = condition(status)["status"] == "True"
        assert kstatus(stored.run) == ("Current" if ended_well else "Failed")


@EVERY
@given(worlds())
def test_attempts_never_fall_and_a_job_s_uid_never_changes_while_it_is_there(world: World) -> None:
    before = world.run.get("status", {})
    after = world.after(world.plan()).run.get("status", {})
    assert after.get("attempts", 0) >= before.get("attempts", 0)
    assert "jobUID" not in before or "jobUID" in after


@EVERY
@given(worlds())
def test_an_address_is_always_that_of_the_run_s_own_tracking_server(world: World) -> None:
    status = world.plan().status or {}
    own = world.run["spec"].get("mlflow", {}).get("trackingURI", "https://mlflow.example.com")
    assert status.get("mlflow", {}).get("url", own).startswith(own)
    assert "evil" not in str(status.get("mlflow", ""))


@EVERY
@given(worlds())
def test_a_run_that_has_not_ended_waits_for_something(world: World) -> None:
    """For a change of an object that is watched, or for a time that is told."""
    decided = world.plan()
    acts = decided.create_job or decided.patch_job or decided.delete_job or decided.delete_run
    if acts or decided.again is not None or decided.status is None:
        return
    if "completionTime" not in decided.status:
        suspended = condition(decided.status)["reason"] == Activity.SUSPENDED
        assert world.job is not None or suspended


@EVERY
@given(worlds(), st.builds(Refusal, st.booleans(), st.text(max_size=20)))
def test_a_refused_job_is_told_and_not_created_in_the_same_look(
    world: World, refusal: Refusal
) -> None:
    if world.plan().create_job is None:
        return
    decided = plan(replace(world.seen, refusal=refusal), SETTINGS, world.now)
    assert decided.create_job is None
    assert decided.status is not None
    check_status(decided.status)
    assert ("completionTime" in decided.status) == refusal.invalid


@settings(max_examples=200, suppress_health_check=[*HealthCheck])
@given(messages(), messages(), st.sampled_from([(), (complete(),), (failed(),)]))
def test_nothing_that_user_code_writes_as_its_last_words_breaks_a_status(
    source: str, train: str, conditions: tuple[Object, ...]
) -> None:
    pod = a_pod("its end was well" if conditions[:1] == (complete(),) else "a stage failed")
    for kind, message in (("initContainerStatuses", source), ("containerStatuses", train)):
        (container,) = pod["status"][kind]
        container["state"]["terminated"]["message"] = message
    status = World(a_run(), a_job(None, *conditions), [pod]).plan().status
    assert (status is None) == (conditions == ())
    if status is not None:
        check_status(status)
        assert (
            status.get("mlflow", {})
            .get("url", "https://mlflow.example.com/")
            .startswith("https://mlflow.example.com/")
        )
