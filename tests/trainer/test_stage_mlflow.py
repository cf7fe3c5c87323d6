"""What the MLflow calls of a stage's code become, in tables and on a store of one process."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import TrainingRunSpec
from retrain_trainer.execution import Execution
from retrain_trainer.registry.mlflow_registry import MLflowRegistry
from retrain_trainer.registry.register import register
from retrain_trainer.registry.versions import DUPLICATE, JOB_UID, LOCK_MD5, RECORD, Version
from retrain_trainer.tracking.children import copies
from retrain_trainer.tracking.client import connect
from retrain_trainer.tracking.experiments import refuse_losing_artifacts
from retrain_trainer.tracking.hints import advised, code_hints
from retrain_trainer.tracking.record import record_metrics
from retrain_trainer.tracking.run import TrackedRun, find_or_open, take_over
from retrain_trainer.tracking.variables import Parent, forget_choices, stage_variables
from support.toy import toy_spec

PARENT = Parent("run", "iris", "iris-x7k2p", 2, "abc")


def test_the_context_that_a_person_has_set_stays_but_for_our_tags() -> None:
    given = json.dumps({"team": "fraud", "mlflow.parentRunId": "theirs"})
    context = json.loads(stage_variables(PARENT, "train", given)["MLFLOW_RUN_CONTEXT"])
    assert context == {
        "team": "fraud",
        "mlflow.parentRunId": "run",
        "mlflow.runName": "iris-x7k2p/train",
        "mlflow.source.git.commit": "abc",
        "retrain.dev/attempt": "2",
        "retrain.dev/parent": "run",
        "retrain.dev/stage": "train",
    }


@pytest.mark.parametrize("given", ["no JSON", "[1]", "", None])
def test_a_context_that_mlflow_could_not_read_is_replaced(given: str | None) -> None:
    assert stage_variables(PARENT, "train", given) == stage_variables(PARENT, "train")


def test_what_leads_to_a_run_of_the_caller_is_forgotten() -> None:
    environment = {"MLFLOW_RUN_ID": "a", "MLFLOW_REGISTRY_URI": "b", "MLFLOW_TRACKING_URI": "c"}
    forget_choices(environment)
    assert environment == {"MLFLOW_TRACKING_URI": "c"}


@pytest.mark.parametrize(
    ("present", "stages", "expected"),
    [
        ({}, {"train": {"lr": "1"}}, {"lr": "1"}),
        ({"lr": "1"}, {"train": {"lr": "1.0"}}, {}),
        ({"lr": "1"}, {"train": {"lr": "2"}}, {"train.lr": "2"}),
        ({}, {"a": {"k": "x"}, "b": {"k": "x"}}, {"k": "x"}),
        ({}, {"a": {"k": "x"}, "b": {"k": "y"}}, {"a.k": "x", "b.k": "y"}),
        ({"k": "x"}, {"a": {"k": "x"}, "b": {"k": "y"}}, {"a.k": "x", "b.k": "y"}),
        ({}, {"t@a": {"k": "x"}, "t@b": {"k": "y"}}, {"t_a.k": "x", "t_b.k": "y"}),
        ({"s": 0.5}, {"train": {"s": 0.9, "loss": 0.1}}, {"train.s": 0.9, "loss": 0.1}),
        ({}, {"a": {"k": float("nan")}, "b": {"k": float("nan")}}, {"k": float("nan")}),
    ],
)
def test_the_parent_gets_what_it_lacks_and_a_clash_is_told_apart(
    present: dict[str, str], stages: dict[str, dict[str, str]], expected: dict[str, str]
) -> None:
    assert repr(copies(present, stages)) == repr(expected)


STORE = "mlflow.set_tracking_uri('sqlite:///mlflow.db')"


@pytest.mark.parametrize(
    ("line", "logged", "said"),
    [
        (STORE, False, "not in the MLflow store of this training"),
        (STORE, True, None),
        (f"# {STORE}", False, None),
        ("mlflow.set_tracking_uri(os.environ['MLFLOW_TRACKING_URI'])", False, None),
        ("run = client.create_run(experiment)", True, "not part of this training"),
        ("mlflow.start_run(run_id=os.getenv('MLFLOW_RUN_ID'))", False, "MLFLOW_RUN_ID"),
        ("mlflow.start_run()", False, None),
    ],
)
def test_code_that_logs_elsewhere_is_named_with_its_line(
    line: str, logged: bool, said: str | None
) -> None:
    hints = code_hints({"train.py": f"import mlflow\n{line}\n"}, logged=logged)
    assert len(hints) == (said is not None)
    assert all(hint.startswith(f"train.py:2: {line}") and str(said) in hint for hint in hints)


@pytest.mark.parametrize(
    ("last", "hint"),
    [
        ("KeyError: 'MLFLOW_RUN_ID'", "No stage has an MLFLOW_RUN_ID"),
        ("MlflowException: Run with id=3f2a not found", "needs no run_id"),
        ("MlflowException: The filesystem tracking backend (e.g., './mlruns')", "to a folder"),
        ("MlflowException: No Experiment with id=7 exists", "by its id"),
        ("MlflowException: API request to http://localhost:5000/api failed with exception", "wait"),
        ("MlflowException: Changing param values is not allowed.", "a run of its own"),
        ("ValueError: no rows", None),
    ],
)
def test_a_failure_that_mlflow_has_caused_ends_with_what_to_change(
    last: str, hint: str | None
) -> None:
    failure = RunFailed(Reason.STAGE_FAILED, f"stage train failed\n{last}")
    message = advised(failure).message
    assert message.startswith(failure.message)
    assert (message == failure.message) == (hint is None)
    assert hint is None or hint in message.splitlines()[-1]


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "./mlruns", "foo://x", "http://h:99999"])
def test_a_tracking_uri_that_is_no_store_is_told_in_a_sentence(uri: str) -> None:
    with pytest.raises(RunFailed) as caught:
        connect(uri)
    assert caught.value.reason is Reason.INVALID_SPEC


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def client(uri: str) -> MlflowClient:
    return connect(uri)


def opened(
    client: MlflowClient, uri: str, uid: str, experiment: str, project: Path = Path("/project")
) -> TrackedRun:
    spec = TrainingRunSpec.model_validate(toy_spec(mlflow={"experiment": experiment}))
    return find_or_open(client, Execution("toy", uid, spec, project, project, uri))


def test_a_version_of_the_code_is_adopted_once_and_again_where_its_stage_was_restored(
    client: MlflowClient, uri: str, tmp_path: Path
) -> None:
    first, second = (opened(client, uri, uid, "adopted") for uid in ("first", "second"))
    child = client.create_run(first.experiment_id)
    client.log_text(child.info.run_id, "weights", "own/weights.txt")
    registry = MLflowRegistry(client, uri, "toy")
    registry.ensure()
    registry.create(f"runs:/{child.info.run_id}/own", child.info.run_id, {})
    model = tmp_path / "model.json"
    model.write_text("{}")

    def registered(run: TrackedRun, tags: dict[str, str], *children: str) -> Version:
        return register(registry, run, model, {JOB_UID: run.name} | tags, children)

    adopted = registered(first, {"score": "1"}, child.info.run_id)
    assert (adopted.number, adopted.by_code, adopted.training_run) == (1, True, first.run_id)
    assert registered(first, {"score": "1"}, child.info.run_id).number == 1

    restored = registered(second, {"score": "2"}, child.info.run_id)
    assert (restored.number, restored.training_run) == (2, second.run_id)
    assert registry.get(1).tags["score"] == "1"
    assert registry.content(2).files == ("weights.txt",)

    own = registered(opened(client, uri, "third", "adopted"), {})
    assert (own.number, own.by_code) == (3, False)


def test_a_version_is_adopted_only_by_an_attempt_that_came_to_the_same(
    client: MlflowClient, uri: str, tmp_path: Path
) -> None:
    run = opened(client, uri, "two-attempts", "attempts")
    registry = MLflowRegistry(client, uri, "attempts")
    model = tmp_path / "model.json"

    def attempt(lock: str) -> Version:
        model.write_text(lock)
        tags = {JOB_UID: "two-attempts", LOCK_MD5: lock, RECORD: lock * 64}
        return register(registry, run, model, tags)

    first, second, again = attempt("a"), attempt("b"), attempt("a")
    assert [version.number for version in (first, second, again)] == [1, 2, 1]
    assert (again.lock_md5, again.duplicate) == ("a", False)
    assert (second.lock_md5, second.tags[DUPLICATE]) == ("b", "1")
    kept = client.download_artifacts(run.run_id, "model/model.json", str(tmp_path))
    assert Path(kept).read_text() == "a"


def test_an_attempt_that_was_taken_over_reads_and_writes_nothing_more(
    client: MlflowClient, uri: str
) -> None:
    opened_run = opened(client, uri, "taken-over", "attempts")
    first, _ = take_over(opened_run)
    first.tag("mine", "1")
    second, _ = take_over(opened(client, uri, "taken-over", "attempts"))
    assert second.run_id == first.run_id
    registry = MLflowRegistry(first.client, uri, "attempts-taken-over")
    writes: list[Callable[[], None]] = [
        lambda: first.tag("mine", "2"),
        first.require_current,
        lambda: first.end("FINISHED", Reason.TRAINED),
        registry.ensure,
    ]
    for write in writes:
        with pytest.raises(RunFailed, match="another pod of this run") as caught:
            write()
        assert caught.value.reason is Reason.SUPERSEDED
    second.tag("mine", "3")
    assert client.get_run(first.run_id).data.tags["mine"] == "3"


def test_an_experiment_that_keeps_its_files_where_they_are_lost_is_refused(
    client: MlflowClient, uri: str, tmp_path: Path
) -> None:
    client.create_experiment("lost", (tmp_path / "mlruns").as_uri())
    with pytest.raises(RunFailed, match="inside the project") as caught:
        opened(client, uri, "lost", "lost", tmp_path)
    assert caught.value.reason is Reason.INVALID_SPEC


def test_an_experiment_that_we_create_is_shown_as_one_of_model_training(
    client: MlflowClient, uri: str
) -> None:
    run = opened(client, uri, "kind", "kind")
    tags = run.client.get_experiment(run.experiment_id).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_metric_of_dvc_is_not_hidden_by_a_later_step(client: MlflowClient, uri: str) -> None:
    run = opened(client, uri, "step", "step")
    run.client.log_metric(run.run_id, "score", 0.9, step=2700)
    record_metrics(run, {"score": 0.5})
    assert run.client.get_run(run.run_id).data.metrics == {"score": 0.5}


def test_a_folder_that_only_the_server_has_is_no_place_for_artifacts(tmp_path: Path) -> None:
    spec = TrainingRunSpec.model_validate(toy_spec())
    execution = Execution("toy", "uid", spec, tmp_path, tmp_path, "http://mlflow:5000")

    def at(folder: Path) -> Experiment:
        return Experiment("1", "toy", folder.as_uri(), "active")

    refuse_losing_artifacts(at(tmp_path / "1"), execution)
    with pytest.raises(RunFailed, match="a folder that only the server has"):
        refuse_losing_artifacts(at(tmp_path / "mlruns" / "1"), execution)
