"""Projects of every shape, new data, and champions measured anew."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from retrain_core.outcome import Reason
from support.pods import Ended
from support.toy import COMMON, toy_files
from support.world import World

MakeWorld = Callable[..., World]

NESTED = """
stages:
  train:
    cmd: python src/train.py
    deps: [src/train.py, data/raw.csv]
    params:
      - model.depth
      - extra.yaml: [rate]
    outs:
      - out/model
      - out/report.txt
    metrics:
      - out/metrics:
          cache: false
    plots:
      - out/curve.csv: {x: step, y: loss, template: linear, cache: false}
      - out/picture.svg: {cache: false}
artifacts:
  the-model:
    path: out/model
    type: model
"""
NESTED_TRAIN = """
import json, os
os.makedirs("out/model", exist_ok=True)
os.makedirs("out/metrics", exist_ok=True)
json.dump({"weights": [1, 2]}, open("out/model/weights.json", "w"))
open("out/model/vocabulary.txt", "w").write("a\\nb\\n")
open("out/report.txt", "w").write("fine")
json.dump({"test": {"f1": 0.8, "per class": {"a": 0.7}}, "note": "x", "ok": True},
          open("out/metrics/a.json", "w"))
json.dump({"test": {"f1": 0.6}}, open("out/metrics/b.json", "w"))
open("out/curve.csv", "w").write("step,loss\\n0,1.0\\n1,0.5\\n2,0.25\\n")
open("out/picture.svg", "w").write('<svg xmlns="http://www.w3.org/2000/svg"/>')
"""


def trained(ended: Ended) -> Ended:
    assert ended.code == 0, ended
    assert ended.result.reason is Reason.TRAINED, ended
    return ended


def nested_files() -> dict[str, str]:
    files = toy_files(
        dvc_dot_yaml=NESTED,
        params_dot_yaml="model:\n  depth: 3  # levels\n",
        extra_dot_yaml="rate: 0.1\n",
        src__train_dot_py=NESTED_TRAIN,
    )
    files |= {".gitignore": "/out\n/data/raw.csv\n", "requirements/train.txt": "# nothing\n"}
    return files


@pytest.mark.exhaustive
def test_a_repository_that_never_heard_of_mlflow_in_a_subfolder(make_world: MakeWorld) -> None:
    world = make_world({f"projects/ml/{path}": text for path, text in nested_files().items()})
    spec = world.spec(
        python={"requirements": "requirements/train.txt"},
        model={"name": world.name, "promotion": {"metric": "out/metrics/a.json:test.f1"}},
        dvc={"params": {"model.depth": 4.0, "rate": 1}},
    )
    spec["source"]["git"]["path"] = "projects/ml"
    ended = trained(world.pods(spec).run())

    assert ended.result.mlflow is not None
    client = world.client()
    run = client.get_run(ended.result.mlflow.run_id or "")
    assert run.data.params == {"model.depth": "4", "rate": "1.0"}
    assert run.data.metrics == {
        "out/metrics/a.json:test.f1": 0.8,
        "out/metrics/b.json:test.f1": 0.6,
        "test.per class.a": 0.7,
    }
    plots = {item.path for item in client.list_artifacts(run.info.run_id, "plots")}
    assert "plots/out_curve.csv.svg" in plots
    data = {item.path for item in client.list_artifacts(run.info.run_id, "plots/data/out")}
    assert data == {"plots/data/out/curve.csv", "plots/data/out/picture.svg"}
    files = {item.path for item in client.list_artifacts(run.info.run_id, "model")}
    assert files == {"model/weights.json", "model/vocabulary.txt"}
    environment = Path(
        client.download_artifacts(run.info.run_id, "retrain/environment.json", str(world.folder))
    )
    assert json.loads(environment.read_text())["packages"] == {}

    again = world.pods(spec).run()
    assert again.result.reason is Reason.UP_TO_DATE, again


@pytest.mark.exhaustive
def test_new_data_upstream_is_trained_on_and_the_champion_measured_on_it(world: World) -> None:
    trained(world.pods().run())
    world.repository.commit({"upstream/raw.csv": "3\n3\n", "params.yaml": "train:\n  lr: 0.4\n"})
    ended = trained(world.pods(world.spec(dvc={"update": ["data/raw.csv.dvc"]})).run())
    # lr * mean: 0.4 * 3 now, against 0.5 * 3 of the champion on the same data, not its 0.5 then.
    assert ended.result.model is not None
    assert ended.result.model.candidate_metric == repr(0.4 * 3)
    assert ended.result.model.champion_metric == "1.5"
    assert not ended.result.model.promoted
    assert ended.result.model.reason is not None
    assert ended.result.model.reason.startswith("NotBetter")
    champion = world.client().get_model_version_by_alias(world.name, "champion")
    assert champion.version == "1"


@pytest.mark.exhaustive
def test_an_import_with_a_hash_keeps_its_bytes_without_update(world: World) -> None:
    first = trained(world.pods().run())
    assert first.result.reason is Reason.TRAINED
    version = world.client().get_model_version(world.name, "1")
    record = world.s3.get(
        world.bucket, f"dvc/retrain/records/{version.tags['retrain.dev/record']}.json"
    )
    pinned = json.loads(record)["imports"]["data/raw.csv.dvc"]
    assert "md5:" in pinned
    world.repository.commit({"data/raw.csv.dvc": pinned, "upstream/raw.csv": "9\n"})
    ended = world.pods().run()
    assert ended.result.reason is Reason.UP_TO_DATE, ended
    assert "the data are pinned: dvc.update names no import" in ended.result.message
    ended = trained(world.pods(world.spec(dvc={"update": ["data/raw.csv.dvc"]})).run())
    assert ended.result.model is not None
    assert ended.result.model.candidate_metric == "4.5"


def test_a_champion_that_cannot_be_measured_on_new_data_stays(make_world: MakeWorld) -> None:
    dvc_yaml = """
stages:
  train:
    cmd: python src/train.py
    deps: [src/train.py, data/raw.csv]
    params: [train.lr]
    outs: [models/model.json]
    metrics:
      - models/eval.json: {cache: false}
"""
    train = (
        COMMON
        + """
lr = float([l for l in open("params.yaml") if "lr:" in l][0].split(":")[1])
os.makedirs("models", exist_ok=True)
json.dump({"lr": lr}, open("models/model.json", "w"))
json.dump({"score": lr * sum(rows("data/raw.csv"))}, open("models/eval.json", "w"))
"""
    )
    world = make_world(toy_files(dvc_dot_yaml=dvc_yaml, src__train_dot_py=train))
    trained(world.pods().run())
    better = trained(world.pods(world.spec(dvc={"params": {"train.lr": 0.6}})).run())
    assert better.result.model is not None
    assert better.result.model.promoted, better
    world.repository.commit({"upstream/raw.csv": "50\n"})
    ended = trained(world.pods().run())
    assert ended.result.model is not None
    assert not ended.result.model.promoted
    assert ended.result.model.reason is not None
    assert ended.result.model.reason.startswith("ChampionNotComparable")
    assert "stage that trains" in ended.result.model.reason
    assert world.client().get_model_version_by_alias(world.name, "champion").version == "2"


@pytest.mark.exhaustive
def test_another_environment_runs_every_stage_again(world: World) -> None:
    first = trained(world.pods().run())
    assert first.result.mlflow is not None
    lock = Path(
        world.client().download_artifacts(
            first.result.mlflow.run_id or "", "retrain/dvc.lock", str(world.folder)
        )
    )
    world.repository.commit({"dvc.lock": lock.read_text(), "requirements.txt": "# other\n"})
    world.log.unlink()
    spec = world.spec(python={"requirements": "requirements.txt"})
    ended = trained(world.pods(spec).run())
    assert world.ran() == ["prepare", "train", "evaluate"]
    assert ended.result.model is not None
    assert ended.result.model.version == "2"


@pytest.mark.exhaustive
def test_a_rollback_by_hand_is_respected(world: World) -> None:
    for rate in (0.5, 0.8):
        trained(world.pods(world.spec(dvc={"params": {"train.lr": rate}})).run())
    client = world.client()
    assert client.get_model_version_by_alias(world.name, "champion").version == "2"
    client.set_registered_model_alias(world.name, "champion", "1")
    ended = trained(world.pods(world.spec(dvc={"params": {"train.lr": 0.4}})).run())
    assert ended.result.model is not None
    assert not ended.result.model.promoted
    assert client.get_model_version_by_alias(world.name, "champion").version == "1"


def test_a_release_marks_its_version_even_if_nothing_is_new(world: World) -> None:
    trained(world.pods().run())
    pods = world.pods()
    pods.environment["RETRAIN_RELEASE"] = "v1.2.0"
    ended = pods.run()
    assert ended.result.reason is Reason.UP_TO_DATE, ended
    version = world.client().get_model_version_by_alias(world.name, "v1-2-0")
    assert version.version == "1"
    assert version.tags["retrain.dev/release"] == "v1.2.0"


@pytest.mark.exhaustive
def test_racing_processes_leave_the_best_champion(world: World) -> None:
    rates = (0.3, 0.9, 0.6)
    started = []
    for rate in rates:
        pods = world.pods(world.spec(dvc={"params": {"train.lr": rate}}))
        assert pods.source().code == 0
        wait = world.folder / f"wait-{rate}"
        wait.touch()
        process = pods._start("train", pods.train_environment | {"TOY_WAIT": str(wait)}, [])
        started.append((pods, process, wait))
    for _, process, wait in started:
        while not Path(f"{wait}.started").exists():
            assert process.poll() is None, process.communicate()[0]
    for _, _, wait in started:
        wait.unlink()
    ends = [pods.ended(process) for pods, process, _ in started]
    for ended in ends:
        trained(ended)
    client = world.client()
    champion = client.get_model_version_by_alias(world.name, "champion")
    assert json.loads(champion.tags["retrain.dev/metrics"])["score"] == 0.9
    assert all(
        "retrain.dev/promotion" in version.tags
        for version in client.search_model_versions(f"name='{world.name}'")
    )


@pytest.mark.exhaustive
def test_manual_promotion_names_a_challenger_and_leaves_the_champion(world: World) -> None:
    trained(world.pods().run())
    model = {"name": world.name, "promotion": {"metric": "score", "mode": "Manual"}}
    spec = world.spec(dvc={"params": {"train.lr": 0.9}}, model=model)
    ended = trained(world.pods(spec).run())
    assert ended.result.model is not None
    assert (ended.result.model.version, ended.result.model.promoted) == ("2", False)
    client = world.client()
    assert client.get_model_version_by_alias(world.name, "champion").version == "1"
    assert client.get_model_version_by_alias(world.name, "challenger").version == "2"
