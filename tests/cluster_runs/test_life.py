"""Suspend, resume, cancel, delete, deadlines, and an upgrade with a run in flight."""

import pytest

from cluster_runs.installed import upgrade
from cluster_runs.kubectl import Kubectl
from cluster_runs.team import GATE, GIT_CA, Object, Team


def gated(team: Team, **parts: object) -> Object:
    """A spec whose train stage waits at the gate."""
    variables = [GIT_CA, {"name": "TOY_GATE", "value": GATE}]
    return team.spec(pod={"env": variables}, **parts)


def patch(team: Team, run: str, field: str, value: str) -> str:
    body = f'{{"spec": {{"{field}": {value}}}}}'
    return team.kubectl("patch", "trun", run, "--type=merge", "-p", body)


@pytest.mark.exhaustive
def test_a_suspended_run_stops_and_goes_on_where_it_was(team: Team) -> None:
    team.apply("toy", gated(team))
    first = team.pod_in_stage("toy", "train")
    patch(team, "toy", "suspend", "true")
    team.wait_for("toy", "Suspended")
    team.kubectl.wait(f"pod/{first}", "delete")
    assert team.kubectl.list("pods") == []
    patch(team, "toy", "suspend", "false")
    second = team.pod_in_stage("toy", "train", other_than=first)
    team.open_gate(second)
    status = team.finished("toy")
    assert status["conditions"][0]["reason"] == "Trained", status
    assert status["stages"][0]["state"] in ("Unchanged", "Restored")
    assert len(team.client().search_model_versions(f"name='{team.name}'")) == 1


@pytest.mark.exhaustive
def test_a_run_that_takes_too_long_ends_at_its_deadline(team: Team) -> None:
    team.apply("toy", gated(team, timeoutSeconds=25))
    status = team.finished("toy")
    assert status["conditions"][0]["reason"] == "DeadlineExceeded", status
    assert "25 s" in status["conditions"][0]["message"]
    assert team.client().get_run(status["mlflow"]["runID"]).info.status == "KILLED"


@pytest.mark.exhaustive
def test_an_upgrade_of_the_chart_leaves_a_run_in_flight_alone(team: Team, kubectl: Kubectl) -> None:
    team.apply("toy", gated(team))
    pod = team.pod_in_stage("toy", "train")
    job = team.kubectl.get("job", "toy")["metadata"]["uid"]
    upgrade(kubectl, config__workers="8")
    team.open_gate(pod)
    status = team.finished("toy")
    assert status["conditions"][0]["reason"] == "Trained", status
    assert (status["jobUID"], status["podName"], status["attempts"]) == (job, pod, 1)
