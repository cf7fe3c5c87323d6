"""`retrain run`, `pull` and smoke, as a person types them on a laptop."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from support.toy import IMPORT, toy_spec

from .conftest import Laptop


def status_of(done: "subprocess.CompletedProcess[str]") -> dict[str, object]:
    content = json.loads(done.stdout)
    assert content["kind"] == "TrainingRun"
    status: dict[str, object] = content["status"]
    return status


def test_one_training_run_is_printed_and_the_tree_is_unchanged_to_the_byte(laptop: Laptop) -> None:
    before = laptop.digest()
    done = laptop.run("-o", "json")
    assert done.returncode == 0, done.stderr
    status = status_of(done)
    conditions = status["conditions"]
    assert isinstance(conditions, list)
    assert (conditions[0]["type"], conditions[0]["status"]) == ("Succeeded", "True")
    assert status["commit"] == laptop.git("rev-parse", "HEAD").strip()
    metrics = status["metrics"]
    assert isinstance(metrics, list)
    assert {"name": "score", "value": "0.5"} in metrics
    assert status["completionTime"]
    mlflow, model, dvc = status["mlflow"], status["model"], status["dvc"]
    assert isinstance(mlflow, dict)
    assert isinstance(model, dict)
    assert isinstance(dvc, dict)
    assert len(mlflow["runID"]) == 32
    assert (model["version"], model["promoted"]) == ("1", True)
    assert len(dvc["lockMD5"]) == 32
    with closing(sqlite3.connect(laptop.project / ".retrain/mlflow/mlflow.db")) as store:
        kinds = store.execute("select key, value from experiment_tags").fetchall()
    assert ("mlflow.experimentKind", "custom_model_development") in kinds
    assert laptop.digest() == before
    assert laptop.git("status", "--porcelain") == ""


def test_better_parameters_are_promoted_worse_ones_are_not_and_nothing_new_is_up_to_date(
    laptop: Laptop,
) -> None:
    assert laptop.run().returncode == 0
    better = laptop.run("--set", "train.lr=0.9")
    assert "version 2 of toy is the champion: Better: score 0.9 against 0.5" in better.stderr
    worse = laptop.run("--set", "train.lr=0.1")
    assert (
        "version 3 of toy is registered, not promoted: NotBetter: score 0.1 against 0.9"
        in worse.stderr
    )
    again = laptop.run("--set", "train.lr=0.1", "-o", "json")
    status = status_of(again)
    assert status["conditions"][0]["reason"] == "UpToDate"  # type: ignore[index]
    assert status["model"]["version"] == "3"  # type: ignore[index]
    assert laptop.ran() == ["prepare", *(["train", "evaluate"] * 3)]


def test_the_line_of_python_that_is_printed_loads_the_champion(laptop: Laptop) -> None:
    done = laptop.run()
    line = next(row for row in done.stderr.splitlines() if "models:/toy@champion" in row)
    code = line.split("load", 1)[1].strip()
    script = f"{code}\nprint(mlflow.artifacts.download_artifacts('models:/toy@champion'))"
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    loaded = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    folder = Path(loaded.stdout.strip().splitlines()[-1])
    assert json.loads((folder / "model.json").read_text()) == {"lr": 0.5, "n": 3}


def test_a_metric_that_does_not_exist_is_told_though_nothing_has_changed(laptop: Laptop) -> None:
    assert laptop.run().returncode == 0
    laptop.write(toy_spec(model={"name": "toy", "promotion": {"metric": "scor"}}))
    done = laptop.run()
    assert done.returncode == 60
    assert "no metric scor; it has: loss, score" in done.stderr
    assert laptop.ran() == ["prepare", "train", "evaluate"]


ABSENT = {
    "toy/99": "has no version 99",
    "toy@prod": "no version of toy has the alias prod",
    "toi": "there is no model toi",
}


def test_a_pull_of_what_is_not_there_says_what_is_and_where_it_looked(laptop: Laptop) -> None:
    nowhere = laptop.retrain("pull", "toy")
    assert nowhere.returncode == 10
    assert "no tracking server is named" in nowhere.stderr
    assert laptop.run().returncode == 0
    for reference, words in ABSENT.items():
        done = laptop.retrain("pull", reference)
        assert done.returncode == 10, done.stderr
        assert words in done.stderr
        assert str(laptop.project / ".retrain") in done.stderr
        assert "(-f)" in done.stderr
        assert "named field" not in done.stderr


def test_a_pull_of_a_version_of_an_earlier_release_names_its_commit(laptop: Laptop) -> None:
    assert laptop.run().returncode == 0
    client = MlflowClient(f"sqlite:///{laptop.project}/.retrain/mlflow/mlflow.db")
    told = f"its code is commit {laptop.git('rev-parse', 'HEAD').strip()}"
    client.set_model_version_tag("toy", "1", "retrain.dev/record", "0" * 64)
    done = laptop.retrain("pull", "toy")
    assert (done.returncode, told in done.stderr) == (33, True), done.stderr
    client.delete_model_version_tag("toy", "1", "retrain.dev/record")
    done = laptop.retrain("pull", "toy")
    assert (done.returncode, told in done.stderr) == (10, True), done.stderr
    assert "was registered by an earlier release of Retrain" in done.stderr
    assert "retrain/dvc.lock" in done.stderr
    client.set_model_version_tag("toy", "1", "retrain.dev/commit", "\x1b[2J; rm -rf /")
    assert "its code" not in laptop.retrain("pull", "toy").stderr
    client.delete_model_version_tag("toy", "1", "retrain.dev/job-uid")
    assert "was not registered by Retrain" in laptop.retrain("pull", "toy").stderr


def test_pull_brings_a_local_version_into_the_tree(laptop: Laptop) -> None:
    laptop.run("--set", "train.lr=0.9")
    laptop.run("--set", "train.lr=0.1")
    assert laptop.retrain("pull", "toy/2").returncode == 0
    done = laptop.retrain("pull", "toy@champion")
    assert done.returncode == 0, done.stderr
    # It fails where anything is not as `dvc pull` would leave it.
    laptop.dvc("status")
    assert json.loads((laptop.project / "models/model.json").read_text())["lr"] == 0.9
    assert "lr: 0.9" in (laptop.project / "params.yaml").read_text()
    (laptop.project / "params.yaml").write_text("train:\n  lr: 0.3\n")
    refused = laptop.retrain("pull", "toy/2")
    assert refused.returncode == 10
    assert "params.yaml" in refused.stderr
    assert laptop.retrain("pull", "toy/2", "--force").returncode == 0
    assert json.loads((laptop.project / "models/model.json").read_text())["lr"] == 0.1
    stolen = json.dumps({"outs": [{"path": "src/train.py", "md5": "0a" * 16, "isexec": True}]})
    before = laptop.digest()
    laptop.forge_record("1", imports={"x.dvc": stolen})
    refused = laptop.retrain("pull", "toy/1", "--force")
    assert refused.returncode == 10
    assert "the recorded state has x.dvc otherwise than this project" in refused.stderr
    assert laptop.digest() == before


def test_smoke_is_deterministic_and_records_nothing(laptop: Laptop, tmp_path: Path) -> None:
    spec = toy_spec(smoke={"params": {"train.lr": 1}, "inputs": {"data/raw.csv": "sample.csv"}})
    laptop.write(spec)
    (laptop.project / "sample.csv").write_text("2\n")
    shutil.rmtree(laptop.project / "upstream")
    laptop.commit()
    before = laptop.digest()
    summary = tmp_path / "summary.md"
    first = laptop.run("--smoke", "-o", "json", GITHUB_STEP_SUMMARY=str(summary))
    assert first.returncode == 0, first.stderr
    second = laptop.run("--smoke", "-o", "json")
    for done in (first, second):
        status = status_of(done)
        assert status["conditions"][0]["reason"] == "SmokePassed"  # type: ignore[index]
        assert {"name": "score", "value": "2.0"} in status["metrics"]  # type: ignore[operator]
        assert "model" not in status
    assert "| train | Ran |" in summary.read_text()
    assert laptop.digest() == before
    assert not (laptop.project / ".retrain/mlflow/mlflow.db").exists()


def test_a_failing_smoke_has_an_exit_code_of_its_own(laptop: Laptop) -> None:
    (laptop.project / "src/train.py").write_text("raise SystemExit('no luck')\n")
    done = laptop.run("--smoke")
    assert done.returncode == 70
    assert "SmokeFailed" in done.stderr
    assert "no luck" in done.stderr


def test_stages_see_the_commit_and_what_is_not_in_it_is_marked(laptop: Laptop) -> None:
    asked = "git describe --always --dirty --tags; git ls-files | wc -l; git rev-parse HEAD"
    text = (laptop.project / "dvc.yaml").read_text()
    (laptop.project / "dvc.yaml").write_text(
        text.replace("cmd: python src/train.py", f"cmd: [python src/train.py, '{asked}']")
    )
    # DVC would pin the import, which changes its file.
    (laptop.project / "data/raw.csv.dvc").unlink()
    (laptop.project / "data/raw.csv").write_text("1\n")
    laptop.git("add", "--force", "data/raw.csv")
    commit = laptop.commit()
    laptop.git("tag", "v1")
    files = len(laptop.git("ls-files").splitlines())
    smoke = laptop.run("--smoke", "-v")
    clean = laptop.run("-v")
    for done in (smoke, clean):
        assert done.returncode == 0, done.stderr
        said = [line.strip().removeprefix("| ") for line in done.stderr.splitlines()]
        assert "v1" in said, done.stderr
        assert {str(files), commit} <= set(said)
    (laptop.project / "params.yaml").write_text("train:\n  lr: 0.9\n")
    dirty = laptop.run("-v")
    assert "v1-dirty" in dirty.stderr.split()
    told = "1 file changed: params.yaml"
    assert f"uncommitted work is trained on: {told}" in dirty.stderr
    client = MlflowClient(f"sqlite:///{laptop.project}/.retrain/mlflow/mlflow.db")
    first, second = (client.get_model_version("toy", number) for number in ("1", "2"))
    assert "retrain.dev/dirty" not in first.tags
    runs = [client.get_run(str(version.run_id)).data.tags for version in (first, second)]
    assert "retrain.dev/dirty" not in runs[0]
    for tags in (second.tags, runs[1]):
        assert tags["retrain.dev/dirty"] == "true"
        assert tags["retrain.dev/uncommitted"] == told


def test_data_that_are_only_in_the_local_cache_are_found(laptop: Laptop) -> None:
    (laptop.project / "data/raw.csv.dvc").unlink()
    (laptop.project / "data/raw.csv").write_text("4\n")
    laptop.dvc("add", "data/raw.csv")
    laptop.git("add", "--force", "data/raw.csv.dvc")
    laptop.commit()
    done = laptop.run("-o", "json")
    assert done.returncode == 0, done.stderr
    assert {"name": "score", "value": "2.0"} in status_of(done)["metrics"]  # type: ignore[operator]


def test_a_relative_remote_and_an_import_from_outside_mean_what_they_say(
    laptop: Laptop, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("6\n")
    laptop.dvc("remote", "add", "-d", "shared", "../store")
    (laptop.project / "data/raw.csv.dvc").unlink()
    (laptop.project / "data/raw.csv").write_text("8\n")
    laptop.dvc("add", "data/raw.csv")
    laptop.dvc("push")
    shutil.rmtree(laptop.project / ".dvc/cache")
    (laptop.project / "data/raw.csv").unlink()
    laptop.commit()
    done = laptop.run("-o", "json")
    assert done.returncode == 0, done.stderr
    assert {"name": "score", "value": "4.0"} in status_of(done)["metrics"]  # type: ignore[operator]
    imported = IMPORT.replace("../upstream/raw.csv", "../../outside.csv")
    (laptop.project / "data/raw.csv.dvc").write_text(imported)
    done = laptop.run("-o", "json")
    assert done.returncode == 0, done.stderr
    assert {"name": "score", "value": "3.0"} in status_of(done)["metrics"]  # type: ignore[operator]


def test_an_unreachable_remote_matters_only_if_an_input_is_missing(laptop: Laptop) -> None:
    laptop.dvc("remote", "add", "-d", "far", "s3://nowhere/dvc")
    laptop.dvc("remote", "modify", "far", "endpointurl", "http://127.0.0.1:9")
    laptop.commit()
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    done = laptop.run(**keys)
    assert done.returncode == 0, done.stderr
    tracked = "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  hash: md5\n  path: raw.csv\n"
    (laptop.project / "data/raw.csv.dvc").write_text(tracked)
    done = laptop.run(**keys)
    assert done.returncode == 32
    assert "data/raw.csv" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "train.lr"], "KEY=VALUE"),
        (["--set", "train.lr=.nan"], "--set"),
        (["--set", "train.rl=1"], "did you mean train.lr"),
        (["--publish"], "MLFLOW_TRACKING_URI"),
        (["--publish", "--smoke"], "exclude each other"),
    ],
)
def test_wrong_options_are_told_before_anything_runs(
    laptop: Laptop, arguments: list[str], words: str
) -> None:
    done = laptop.run(*arguments)
    assert done.returncode == 10
    assert words in done.stderr
    assert laptop.ran() == []


def test_publish_refuses_uncommitted_changes(laptop: Laptop) -> None:
    (laptop.project / "params.yaml").write_text("train:\n  lr: 0.7\n")
    done = laptop.run("--publish", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 10
    assert "uncommitted changes: params.yaml" in done.stderr
    assert "Commit them" in done.stderr
    assert "named field" not in done.stderr


def test_an_unknown_field_is_told_with_its_line(laptop: Laptop) -> None:
    (laptop.project / "trainingrun.yaml").write_text(
        "apiVersion: retrain.dev/v1alpha1\nkind: TrainingRun\nmetadata: {name: toy}\n"
        "spec:\n  source: {git: {url: 'https://h/x.git'}}\n  dvcc: {}\n"
    )
    done = laptop.run()
    assert done.returncode == 10
    assert "trainingrun.yaml: line 6: spec.dvcc: unknown field: did you mean dvc?" in done.stderr


def test_stages_with_another_mlflow_get_a_server(laptop: Laptop, tmp_path: Path) -> None:
    """mlflow-skinny in the stages' environment cannot open the local database."""
    site = tmp_path / "site"
    info = site / "mlflow_skinny-3.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mlflow-skinny\nVersion: 3.0.0\n")
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    packages = next((bare / "lib").glob("python*/site-packages"))
    shutil.copytree(info, packages / info.name)
    (laptop.project / "src/train.py").write_text(
        (laptop.project / "src/train.py").read_text()
        + "import urllib.request\nprint('uri', os.environ['MLFLOW_TRACKING_URI'])\n"
        + "urllib.request.urlopen(os.environ['MLFLOW_TRACKING_URI'] + '/health')\n"
    )
    done = laptop.run("-v", PATH=f"{bare / 'bin'}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert "uri http://127.0.0.1:" in done.stderr


def test_what_the_shell_says_of_mlflow_and_what_the_code_chooses_stay_below_retrain(
    laptop: Laptop,
) -> None:
    (laptop.project / "src/train.py").write_text(
        (laptop.project / "src/train.py").read_text()
        + "import mlflow\nmlflow.set_experiment('churn')\nmlflow.log_text('text', 'own.txt')\n"
    )
    laptop.write(toy_spec(mlflow={"experiment": "Default"}))
    laptop.commit()
    shell = {
        "MLFLOW_RUN_ID": "0" * 32,
        "MLFLOW_EXPERIMENT_NAME": "of the shell",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        "MLFLOW_REGISTRY_URI": "http://127.0.0.1:1",
    }
    before = laptop.digest()
    smoke = laptop.run("--smoke", **shell)
    assert smoke.returncode == 0, smoke.stderr
    done = laptop.run(**shell)
    assert done.returncode == 0, done.stderr
    again = laptop.run(**shell)
    assert again.stderr.count("UpToDate") == 1, again.stderr
    assert laptop.digest() == before
    files = laptop.project / ".retrain/mlflow/artifacts"
    assert list(files.glob("0/*/artifacts/model/model.json"))
    assert list(files.glob("*/*/artifacts/own.txt"))


def test_code_with_a_store_of_its_own_trains_and_is_told_what_is_missing(laptop: Laptop) -> None:
    (laptop.project / "src/train.py").write_text(
        (laptop.project / "src/train.py").read_text()
        + "import mlflow\nmlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
        + "mlflow.log_param('a', 1)\n"
    )
    done = laptop.run()
    assert done.returncode == 0, done.stderr
    assert "mlflow.set_tracking_uri('sqlite:///mlflow.db')" in done.stderr
    assert "not in the MLflow store of this training" in done.stderr
