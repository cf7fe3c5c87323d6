"""Ten minutes without a server that a run needs, in pods of a real node."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from cluster_runs.scheduled import Scheduled
from cluster_runs.team import GIT_CA, HELD, Object, Team
from servers.gate import Gate, gate

AWAY_SECONDS = float(os.environ.get("RETRAIN_OUTAGE_SECONDS", "600"))
WAITS = "waiting for up to"
AGAIN = "it answers again"
Behind = Callable[[str], tuple[Team, Gate]]
pytestmark = pytest.mark.timeout(AWAY_SECONDS + 900)


@pytest.fixture
def behind(team: Team, for_pods: Callable[[str], str]) -> Iterator[Behind]:
    """The team, with one of its servers behind a gate."""
    with ExitStack() as stack:

        def make(which: str) -> tuple[Team, Gate]:
            stores = team.stores
            url = {
                "git": f"https://127.0.0.1:{stores.git.port}",
                "S3": stores.s3.endpoint,
                "MLflow": stores.mlflow.uri,
            }[which]
            door = stack.enter_context(gate(url))
            address = for_pods(door.url).removeprefix("http://")
            moved = {
                "git": replace(stores, git_address=address),
                "S3": replace(stores, s3_address=address),
                "MLflow": replace(stores, mlflow_address=address),
            }[which]
            return replace(team, stores=moved), door

        yield make


def is_away(door: Gate) -> None:
    time.sleep(AWAY_SECONDS)
    door.open()


def told(team: Team, run: Object, container: str) -> list[str]:
    """What the run's only pod has said about waiting."""
    log = team.kubectl("logs", run["status"]["podName"], "--container", container)
    return [line for line in log.splitlines() if WAITS in line or AGAIN in line]


def waited(lines: list[str]) -> bool:
    """Once, in one line, and another that it is over."""
    return [WAITS in line for line in lines] == [True, False]


@pytest.mark.exhaustive
def test_a_training_outlives_ten_minutes_without_its_store(behind: Behind) -> None:
    team, door = behind("S3")
    team.apply("long", team.spec(pod={"env": [GIT_CA, HELD]}))
    pod = team.pod_in_stage("long", "train")
    door.close()
    team.open_gate(pod)
    is_away(door)
    status = team.finished("long")
    run = team.kubectl.get("trun", "long")
    *found, message = team.reason("long")
    assert (found, message.count("; waited ")) == (["True", "Trained"], 1), status
    assert status["attempts"] == 1
    assert waited(told(team, run, "train"))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("which", "container"), [("git", "source"), ("MLflow", "source")])
def test_a_clocks_run_outlives_ten_minutes_without_what_it_starts_from(
    which: str, container: str, behind: Behind
) -> None:
    team, door = behind(which)
    door.close()
    scheduled = Scheduled(team)
    scheduled.apply({"name": "minutely", "cron": {"schedule": "* * * * *"}})
    scheduled.until(scheduled.runs, "the clock has made a run", 120)
    scheduled.team.kubectl(
        "patch", "rsched/toy", "--type=merge", '--patch={"spec":{"suspend":true}}'
    )
    is_away(door)
    (run,) = scheduled.trained(1)
    found = run["status"]["conditions"][0]
    assert (found["reason"], found["message"].count("; waited ")) == ("Trained", 1), found
    assert run["status"]["attempts"] == 1
    assert waited(told(team, run, container))
