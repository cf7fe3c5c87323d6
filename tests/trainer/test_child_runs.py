"""MLflow calls in the stages: every run that code starts is a child of the training's."""

from collections.abc import Callable

from mlflow.entities import Run

from retrain_core.outcome import Reason
from support.pods import Ended
from support.toy import toy_files
from support.world import World

from .test_pod_runs import kill_in_the_middle, trained

MakeWorld = Callable[..., World]

TRAIN = """
import mlflow
mlflow.set_experiment("{name}-churn")
for number in (1, 2):
    with mlflow.start_run(run_name="try"):
        mlflow.log_param("algo", "tree")
        mlflow.log_param("number", number)
        mlflow.set_tag("team", "fraud")
        with mlflow.start_run(nested=True):
            mlflow.log_param("trial", 1)
"""
EVALUATE = """
import mlflow
mlflow.log_param("algo", "mean")
for step in (1, 2, 3):
    mlflow.log_metric("score", step / 10, step=step)
mlflow.end_run("FAILED")
mlflow.start_run(run_name="left running")
sys.stdout.flush()
os._exit(0)
"""
REGISTER = """
import mlflow
from mlflow import MlflowClient
with mlflow.start_run() as run:
    mlflow.log_text("own", "own/model.json")
client = MlflowClient()
client.create_registered_model("{name}")
client.create_model_version("{name}", f"runs:/{{run.info.run_id}}/own", run_id=run.info.run_id)
"""
WAITING = """
import os
import mlflow
mlflow.start_run()
mlflow.log_param("pid", os.getpid())
mlflow.log_metric("loss", 0.1)
"""
WAITING_TRAIN = WAITING + "\n" + toy_files()["src/train.py"]


def with_calls(world: World, **calls: str) -> None:
    """Add MLflow calls to stages of the toy project."""
    files = toy_files()
    changed = {f"src/{stage}.py": code.format(name=world.name) for stage, code in calls.items()}
    world.repository.commit({path: files[path] + code for path, code in changed.items()})


def runs_of(world: World, ended: Ended) -> tuple[Run, list[Run]]:
    """The run of a training, and its children, oldest first."""
    assert ended.result.mlflow is not None
    client = world.client()
    run = client.get_run(ended.result.mlflow.run_id or "")
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    condition = f"tags.`retrain.dev/parent` = '{run.info.run_id}'"
    found = client.search_runs(ids, filter_string=condition, order_by=["attributes.start_time"])
    return run, list(found)


def test_code_may_choose_experiments_start_runs_and_log_what_other_stages_log(
    world: World,
) -> None:
    with_calls(world, train=TRAIN, evaluate=EVALUATE)
    pods = world.pods()
    source = pods.source()
    waiting, _ = runs_of(world, source)
    assert waiting.info.status == "SCHEDULED"
    run, children = runs_of(world, trained(pods.train()))

    assert (run.info.status, run.info.run_name) == ("FINISHED", "toy")
    told = [(child.info.run_name, child.info.status) for child in children]
    assert told == [
        ("try", "FINISHED"),
        ("toy/train", "FINISHED"),
        ("try", "FINISHED"),
        ("toy/train", "FINISHED"),
        ("toy/evaluate", "FAILED"),
        ("left running", "KILLED"),
    ]
    churn = world.client().get_experiment_by_name(f"{world.name}-churn")
    assert churn is not None
    experiments = {child.info.experiment_id for child in children}
    assert experiments == {churn.experiment_id, run.info.experiment_id}
    assert {child.data.tags["mlflow.source.git.commit"] for child in children} == {
        world.repository.sha()
    }
    assert run.data.params == {
        "train.lr": "0.5",
        "train.algo": "tree",
        "evaluate.algo": "mean",
        "number": "2",
    }
    assert run.data.metrics == {"score": 0.5, "loss": 0.5, "evaluate.score": 0.3}
    assert run.data.tags["team"] == "fraud"
    files = world.client().list_artifacts(run.info.run_id, "retrain")
    assert "retrain/children.json" in {file.path for file in files}


def test_an_attempt_logs_other_values_than_the_one_that_was_evicted(world: World) -> None:
    with_calls(world, prepare=WAITING)
    world.repository.commit({"src/train.py": WAITING_TRAIN})
    pods = world.pods()
    assert pods.source().code == 0
    kill_in_the_middle(pods, world.folder / "wait")
    run, children = runs_of(world, trained(pods.run()))
    told = [(child.info.status, child.data.tags["retrain.dev/attempt"]) for child in children]
    assert told == [("FINISHED", "1"), ("KILLED", "1"), ("FINISHED", "2")]
    prepared, _, ended = (child.data.params["pid"] for child in children)
    assert run.data.params == {
        "train.lr": "0.5",
        "prepare.pid": prepared,
        "train.pid": ended,
    }


def test_a_version_that_code_registered_itself_is_adopted_and_found_again(world: World) -> None:
    with_calls(world, train=REGISTER)
    ended = trained(world.pods().run())
    client = world.client()
    (version,) = client.search_model_versions(f"name='{world.name}'")
    run, children = runs_of(world, ended)
    assert version.run_id == children[0].info.run_id
    assert version.tags["retrain.dev/run-id"] == run.info.run_id
    assert ended.result.model is not None
    assert ended.result.model.promoted

    again = world.pods().run()
    assert again.result.reason is Reason.UP_TO_DATE, again
    assert world.ran() == ["prepare", "train", "evaluate"]
