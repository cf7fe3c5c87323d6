"""Outages: a server that a run needs is away for a while, and nothing is lost by it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from retrain_core.outcome import FINAL_EXIT_CODES, Reason, RunFailed
from retrain_core.spec import GitSource, TrainingRunSpec
from retrain_trainer.execution import Execution
from retrain_trainer.git import list_tags
from retrain_trainer.patience import Away, Patience
from retrain_trainer.report import LogReporter
from retrain_trainer.source import prepare_source
from retrain_trainer.tracking.run import COMMIT, TrackedRun
from servers.gate import Gate, gate
from support.pods import Ended, Pods, Process
from support.world import World

HOW: dict[str, Callable[[Gate], None]] = {
    "refused": lambda door: door.close(),
    "silent": lambda door: door.silence(),
    "503": lambda door: door.answer(503),
    "429": lambda door: door.answer(429, "Retry-After: 1"),
}
SOMETHING_ELSE: dict[str, Callable[[Gate], None]] = {"404": lambda door: door.answer(404)}
"""In the place of a server; of git and S3 it says that what is asked for is not there."""
WAITS = "waiting for up to"


@contextmanager
def behind_a_gate(world: World, which: str) -> Iterator[tuple[Pods, Gate]]:
    """Pods that reach one of the servers through a gate."""
    addresses = {"S3": world.s3.endpoint, "MLflow": world.mlflow.uri, "git": world.git.url("x")}
    with gate(addresses[which]) as door:
        spec: dict[str, Any] = world.spec(outageToleranceSeconds=120)
        environment = {}
        if which == "S3":
            spec["dvc"]["remote"]["endpointURL"] = door.url
            environment["AWS_ENDPOINT_URL"] = door.url
        elif which == "MLflow":
            spec["mlflow"]["trackingURI"] = door.url
        else:
            name = world.git.url(world.name).rsplit("/", 1)[1]
            spec["source"]["git"]["url"] = f"https://localhost:{door.port}/{name}"
        yield world.pods(spec, **environment), door


def until(process: Process, text: str) -> str:
    """What it prints, up to a line with ``text``."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"it has ended without {text!r}:\n{seen}")


def is_waited_for(process: Process, door: Gate, how: str) -> None:
    """Until the run has noticed that nobody answers: of a silent server it says so much later."""
    if how == "silent":
        assert door.knocked.wait(120)
    else:
        until(process, WAITS)


@contextmanager
def held_in_train(world: World, pods: Pods) -> Iterator[tuple[Process, Callable[[], None]]]:
    """A training in the middle of its stage `train`, and what lets that go on."""
    assert (source := pods.source()).code == 0, source
    hold = world.folder / "hold"
    hold.touch()
    with pods.training(TOY_WAIT=str(hold)) as process:
        until(process, "--> stage train")
        while not Path(f"{hold}.started").exists():
            assert process.poll() is None
        yield process, hold.unlink


def away_for_a_while(
    pods: Pods, process: Process, door: Gate, how: str, cause: Callable[[], None]
) -> Ended:
    """The end of a run whose server goes away, and comes back once the run waits for it."""
    (HOW | SOMETHING_ELSE)[how](door)
    cause()
    is_waited_for(process, door, how)
    door.open()
    return pods.ended(process)


def during_training(world: World, which: str, how: str) -> None:
    with behind_a_gate(world, which) as (pods, door):
        with held_in_train(world, pods) as (process, go_on):
            ended = away_for_a_while(pods, process, door, how, go_on)
        assert ended.result.reason is Reason.TRAINED, ended
        # One that was silent for less than a client bears has not been away.
        assert "; waited " in ended.result.message or how == "silent"
        assert world.ran() == ["prepare", "train", "evaluate"]
        assert len(world.client().search_model_versions(f"name='{world.name}'")) == 1


def before_all(world: World, which: str, how: str, step: str) -> None:
    with behind_a_gate(world, which) as (pods, door):
        if step == "train":
            assert pods.source().code == 0
        else:
            pods.attempt += 1
        HOW[how](door)
        options: list[str] = []
        if step == "source":
            secret = pods.folder / "git-secret"
            secret.mkdir()
            for key, value in (pods.git_secret or {}).items():
                (secret / key).write_text(value)
            options = ["--git-secret", str(secret)]
        environment = pods.train_environment if step == "train" else {}
        process = pods._start(step, environment, options, forked=True)
        is_waited_for(process, door, how)
        door.open()
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        if step == "train":
            assert world.ran() == ["prepare", "train", "evaluate"]


@pytest.mark.parametrize(
    ("which", "how"),
    [("S3", "refused"), pytest.param("MLflow", "404", marks=pytest.mark.exhaustive)],
)
def test_a_stage_that_ended_during_an_outage_is_not_run_again(
    world: World, which: str, how: str
) -> None:
    during_training(world, which, how)


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("which", ["S3", "MLflow"])
def test_no_outage_during_a_stage_ends_its_run(world: World, which: str, how: str) -> None:
    during_training(world, which, how)


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("which", ["S3", "MLflow"])
def test_no_outage_before_the_stages_ends_their_run(world: World, which: str, how: str) -> None:
    before_all(world, which, how, "train")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("which", "how"),
    [*(("MLflow", how) for how in HOW), ("git", "refused"), ("git", "silent")],
)
def test_no_outage_before_the_source_is_there_ends_its_run(
    world: World, which: str, how: str
) -> None:
    before_all(world, which, how, "source")


def test_what_answers_at_first_in_mlflow_s_place_is_told_at_once_and_tried_again(
    world: World,
) -> None:
    with behind_a_gate(world, "MLflow") as (pods, door):
        door.answer(404)
        ended = pods.source()
        assert (ended.code, ended.result.reason) == (75, Reason.UNEXPECTED_ANSWER), ended
        assert ended.code not in FINAL_EXIT_CODES
        assert "waited" not in ended.output
        door.open()
        assert pods.source().code == 0


@pytest.mark.parametrize(
    ("commit", "reason", "waits"),
    [(None, Reason.UNEXPECTED_ANSWER, 0), ("0" * 40, Reason.SOURCE_UNREACHABLE, 1)],
)
def test_a_git_server_that_an_earlier_attempt_has_fetched_from_is_waited_for(
    tmp_path: Path, commit: str | None, reason: Reason, waits: int
) -> None:
    told: list[str] = []
    with gate("http://127.0.0.1:9") as door:
        door.answer(400)
        spec = {"source": {"git": {"url": f"{door.url}/x.git"}}}
        execution = Execution(
            name="toy",
            uid="toy",
            spec=TrainingRunSpec.model_validate(spec),
            project=tmp_path,
            state=tmp_path,
            tracking_uri="http://127.0.0.1:9",
            patience=Patience(0.05, told.append),
        )
        tags = {COMMIT: commit} if commit else {}
        client = MlflowClient("http://127.0.0.1:9")
        run = TrackedRun(client, execution.tracking_uri, "toy", "toy", "0", "0", tags, bool(commit))
        with pytest.raises(RunFailed) as caught:
            prepare_source(execution, run, tmp_path / "repository", None, LogReporter())
    assert (caught.value.reason, len(told)) == (reason, waits)


@pytest.mark.parametrize(
    ("status", "headers", "reason", "passes"),
    [
        (503, [], Reason.SOURCE_UNREACHABLE, True),
        (429, [], Reason.SOURCE_UNREACHABLE, True),
        (403, ["Retry-After: 60"], Reason.SOURCE_UNREACHABLE, True),
        (403, ["X-RateLimit-Remaining: 0"], Reason.SOURCE_UNREACHABLE, True),
        (403, ["X-RateLimit-Remaining: 7"], Reason.SOURCE_DENIED, False),
        (404, [], Reason.SOURCE_NOT_FOUND, False),
    ],
)
def test_what_a_forge_answers_tells_whether_it_is_waited_for(
    status: int, headers: list[str], reason: Reason, passes: bool
) -> None:
    with gate("http://127.0.0.1:9") as door:
        door.answer(status, *headers)
        source = GitSource(url=f"{door.url}/exp-401/Permission-denied.git")
        with pytest.raises(RunFailed) as caught:
            list_tags(source, None, seconds=30)
    assert caught.value.reason is reason
    assert isinstance(caught.value, Away) == passes


@pytest.mark.parametrize(
    ("which", "how"),
    [
        ("MLflow", "refused"),
        pytest.param("MLflow", "silent", marks=pytest.mark.exhaustive),
        pytest.param("S3", "refused", marks=pytest.mark.exhaustive),
        pytest.param("S3", "silent", marks=pytest.mark.exhaustive),
    ],
)
def test_a_run_that_is_stopped_while_a_server_is_away_leaves_its_result(
    world: World, which: str, how: str
) -> None:
    with (
        behind_a_gate(world, which) as (pods, door),
        held_in_train(world, pods) as (process, go_on),
    ):
        HOW[how](door)
        go_on()
        is_waited_for(process, door, how)
        os.kill(process.pid, signal.SIGTERM)
        ended = pods.ended(process)
    assert ended.result.reason is Reason.CANCELLED
    if which == "MLflow":
        said = ended.output
        assert said.index("==> Cancelled") < said.index("the MLflow run could not be ended")
