"""The status that is written is one that the API server takes, and says at a glance what is."""

import re
import subprocess
from datetime import UTC, datetime

import pytest

from crds.files import KINDS, version
from crds.server import Object, Server
from crds.test_rules import complete_run, complete_schedule
from retrain_core.outcome import OUTCOMES, Reason
from retrain_core.result import (
    MAX_LINE,
    MAX_METRICS,
    MAX_STAGES,
    MAX_WORD,
    DVCState,
    Metric,
    MLflowRun,
    ModelVersion,
    Result,
    Stage,
)
from retrain_core.status import finished_status

STARTED = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ENDED = datetime(2026, 3, 2, 8, 1, tzinfo=UTC)


def largest_result(reason: Reason) -> Result:
    """A result in which every text and list is as long as it may be."""
    number, version = "9" * 64, "9" * 19
    return Result(
        reason=reason,
        message="m" * 4096,
        commit="c" * 64,
        mlflow=MLflowRun(experiment_id="e" * 64, run_id="f" * 32, url="u" * MAX_LINE),
        stages=[Stage(name="s" * MAX_WORD, state="Ran", seconds=1e9)] * MAX_STAGES,
        metrics=[Metric(name="m" * MAX_WORD, value=number)] * MAX_METRICS,
        dvc=DVCState(lock_md5="a" * 32, remote="r" * MAX_LINE),
        model=ModelVersion(
            name="n" * MAX_WORD,
            version=version,
            uri="u" * MAX_LINE,
            promoted=True,
            reason="r" * MAX_LINE,
            previous_version=version,
            champion_metric=number,
            candidate_metric=number,
        ),
    )


@pytest.fixture(scope="module")
def run(server: Server) -> str:
    created = server.create({**complete_run(), "metadata": {"generateName": "status-"}})
    return str(created["metadata"]["name"])


@pytest.mark.parametrize("reason", OUTCOMES)
def test_every_outcome_of_the_largest_run_can_be_stored(
    server: Server, run: str, reason: Reason
) -> None:
    status = finished_status(largest_result(reason), started=STARTED, ended=ENDED)
    assert server.set_status("TrainingRun", run, status)["status"] == status


def test_what_the_operator_adds_can_be_stored(server: Server, run: str) -> None:
    status: Object = {
        "observedGeneration": 1,
        "conditions": [
            condition("Succeeded", "Unknown", "Training"),
            condition("Reconciling", "True", "Training"),
        ],
        "attempts": 3,
        "jobName": "a" * 63,
        "jobUID": "6c84fb90-12c4-11e1-840d-7b25c5ee775a",
        "podName": f"{'a' * 63}-abcde",
        "trigger": {"type": "Release", "name": "release", "evidence": "v1.2 at 0123abc"},
    }
    stored = server.set_status("TrainingRun", run, status)["status"]
    assert {field: stored[field] for field in status} == status


def condition(type_: str, status: str, reason: str) -> Object:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": "so it is",
        "lastTransitionTime": "2026-03-02T08:00:00Z",
        "observedGeneration": 1,
    }


def test_a_status_does_not_come_with_the_object(server: Server) -> None:
    body = {**complete_run(), "metadata": {"generateName": "status-"}}
    created = server.create({**body, "status": {"commit": "a" * 40}})
    assert "status" not in created


def printed(server: Server, kind: str, name: str, *options: str) -> dict[str, str]:
    """What `kubectl get` prints of an object, by column; columns are two spaces apart."""
    done = subprocess.run(
        [
            *("kubectl", "--kubeconfig", str(server.kubeconfig), "-n", server.namespace),
            *("get", f"{kind}.retrain.dev", name, *options),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    heading, row = done.stdout.splitlines()
    starts = [found.start() for found in re.finditer(r"\S+( \S+)*", heading)]
    ends = [*starts[1:], None]
    columns = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    return {heading[column].strip(): row[column].strip() for column in columns}


def test_a_run_is_told_in_one_line(server: Server) -> None:
    created = server.create({**complete_run(), "metadata": {"generateName": "columns-"}})
    name = created["metadata"]["name"]
    result = Result(
        reason=Reason.TRAINED,
        message="version 7 is the champion",
        commit="c" * 40,
        mlflow=MLflowRun(experiment_id="1", run_id="f" * 32),
        model=ModelVersion(name="iris", version="7", promoted=True),
    )
    status = finished_status(result, started=STARTED, ended=ENDED)
    server.set_status("TrainingRun", name, {**status, "attempts": 2})
    short = printed(server, "trun", name)
    age = short.pop("AGE")
    assert age.endswith("s")
    assert short == {
        "NAME": name,
        "STATUS": "Trained",
        "MODEL": "iris",
        "VERSION": "7",
        "PROMOTED": "true",
    }
    wide = printed(server, "trainingrun", name, "-o", "wide")
    assert wide["COMMIT"] == "c" * 40
    assert wide["MLFLOW RUN"] == "f" * 32
    assert wide["ATTEMPTS"] == "2"
    assert wide["MESSAGE"] == "version 7 is the champion"
    assert wide["STARTED"].endswith(("d", "y"))
    assert wide["FINISHED"].endswith(("d", "y"))


def test_a_schedule_tells_when_what_came_of_it_when_next_and_what_serves(server: Server) -> None:
    created = server.create({**complete_schedule(), "metadata": {"generateName": "columns-"}})
    name = created["metadata"]["name"]
    last = {
        "name": "iris-weekly-1",
        "trigger": "weekly",
        "reason": "Trained",
        "promotion": "Better",
        "startTime": "2026-03-02T08:00:00Z",
    }
    status = {
        "observedGeneration": 1,
        "conditions": [condition("Ready", "True", "Waiting")],
        "active": ["iris-weekly-2"],
        "lastRun": last,
        "lastSuccessfulRun": {**last, "completionTime": "2026-03-02T08:01:00Z"},
        "lastScheduleTime": "2026-03-02T08:00:00Z",
        "nextScheduleTime": "2126-03-09T00:00:00+09:00",
        "championVersion": "7",
        "triggers": [
            {
                "name": "release",
                "lastChecked": "2026-03-02T08:00:00Z",
                "lastFired": "2026-03-02T08:00:00Z",
                "seen": "v1.2",
                "message": "v1.2 is new",
            }
        ],
    }
    assert server.set_status("RetrainSchedule", name, status)["status"] == status
    line = printed(server, "rsched", name)
    assert {line.pop(age)[-1] for age in ("AGE", "LAST")} <= {"s", "d", "y"}
    assert line == {
        "NAME": name,
        "STATUS": "Waiting",
        "TRIGGER": "weekly",
        "RESULT": "Trained",
        "NEXT": "2126-03-09T00:00:00+09:00",
        "CHAMPION": "7",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_that_a_terminal_has_no_room_for_is_wide(kind: str) -> None:
    columns = version(kind)["additionalPrinterColumns"]
    assert len([column for column in columns if not column.get("priority")]) <= 7
    assert all(column["description"] for column in columns)
