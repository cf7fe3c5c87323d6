"""Signals, links and odd names on a laptop: nothing is lost, and every end has a reason."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cli.conftest import RETRAIN, Laptop
from support.toy import toy_files, toy_spec

HALF_WRITTEN = """
from common import *
ran("train")
os.makedirs("models", exist_ok=True)
open("models/model.json", "w").write("half")
json.dump({"loss": 0.5}, open("models/metrics.json", "w"))
wait = os.environ.get("TOY_WAIT")
if wait:
    open(wait + ".started", "w").close()
    while os.path.exists(wait):
        time.sleep(0.02)
json.dump({"lr": 0.5, "n": 3}, open("models/model.json", "w"))
"""


def start(laptop: Laptop, wait: Path) -> "subprocess.Popen[str]":
    wait.touch()
    return subprocess.Popen(
        [str(RETRAIN), "run", "-f", "trainingrun.yaml"],
        cwd=laptop.project,
        env=laptop._environment() | {"TOY_WAIT": str(wait)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def until(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.exhaustive),
        pytest.param(signal.SIGINT, id="Ctrl-C"),
    ],
)
def test_what_a_stopped_stage_has_half_written_is_never_taken_for_its_output(
    laptop: Laptop, tmp_path: Path, number: signal.Signals
) -> None:
    (laptop.project / "src/train.py").write_text(HALF_WRITTEN)
    wait = tmp_path / "wait"
    process = start(laptop, wait)
    until((tmp_path / "wait.started").exists, process)
    # A terminal sends Ctrl-C to the whole group.
    (os.killpg if number is signal.SIGINT else os.kill)(process.pid, number)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, "Cancelled" in output) == (143, True), output
    done = laptop.run()
    assert done.returncode == 0, done.stderr
    assert laptop.ran() == ["prepare", "train", "train", "evaluate"]
    (model,) = laptop.project.glob(".retrain/mlflow/artifacts/**/model.json")
    assert json.loads(model.read_text()) == {"lr": 0.5, "n": 3}


def test_a_stopped_stage_does_not_go_on_with_its_next_command(
    laptop: Laptop, tmp_path: Path
) -> None:
    dvc_yaml = laptop.project / "dvc.yaml"
    two = "cmd: [python src/train.py, touch second]"
    dvc_yaml.write_text(dvc_yaml.read_text().replace("cmd: python src/train.py", two))
    process = start(laptop, tmp_path / "wait")
    until((tmp_path / "wait.started").exists, process)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert list(laptop.project.glob(".retrain/work/**/second")) == []


def test_a_signal_at_any_moment_is_told_as_cancelled(laptop: Laptop, tmp_path: Path) -> None:
    moments = [
        (laptop.project / ".retrain/lock").exists,
        (laptop.project / ".retrain/work").exists,
        (laptop.project / ".retrain/mlflow/mlflow.db").exists,
    ]
    for moment in moments:
        process = start(laptop, tmp_path / "wait")
        until(moment, process)
        process.terminate()
        output, _ = process.communicate(timeout=60)
        # Python's own way to end until the handlers are there.
        assert process.returncode in (143, -signal.SIGTERM), output
        assert "Traceback" not in output


def test_file_names_need_not_be_utf_8(laptop: Laptop) -> None:
    odd = os.fsencode(laptop.project) + b"/caf\xe9.txt"
    with open(odd, "w") as file:
        file.write("x")
    done = laptop.run()
    assert done.returncode == 0, done.stderr


def test_a_link_into_the_tree_leads_into_the_copy(laptop: Laptop) -> None:
    notes = laptop.project / "notes"
    notes.mkdir()
    (notes / "log").write_text("mine")
    (laptop.project / "link").symlink_to(notes)
    prepare = laptop.project / "src/prepare.py"
    prepare.write_text(prepare.read_text() + "\nopen('link/log', 'w').write('theirs')\n")
    done = laptop.run()
    assert done.returncode == 0, done.stderr
    assert (notes / "log").read_text() == "mine"


def test_a_relative_link_out_of_the_tree_means_what_it_says(laptop: Laptop, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/offset").write_text("1")
    (laptop.project / "shared").symlink_to("../shared")
    prepare = laptop.project / "src/prepare.py"
    prepare.write_text(prepare.read_text() + "\nopen('shared/offset').read()\n")
    done = laptop.run()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("smoke", [[], ["--smoke"]], ids=["run", "smoke"])
def test_no_stage_writes_its_output_through_a_link_out_of_the_tree(
    laptop: Laptop, tmp_path: Path, smoke: list[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (laptop.project / "models").symlink_to("../elsewhere")
    (laptop.project / ".gitignore").write_text("/data/processed.csv\n/data/raw.csv\n")
    laptop.commit()
    done = laptop.run(*smoke)
    assert done.returncode == 11, done.stderr
    assert "a link leads its output models/model.json out of the repository" in done.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_smoke_inputs_replace_a_link_not_the_file_it_leads_to(
    laptop: Laptop, tmp_path: Path
) -> None:
    precious = tmp_path / "precious.csv"
    precious.write_text("1\n2\n")
    (laptop.project / "data/raw.csv.dvc").unlink()
    (laptop.project / ".gitignore").write_text("/models\n/data/processed.csv\n")
    (laptop.project / "data/raw.csv").symlink_to(precious)
    (laptop.project / "sample.csv").write_text("9\n")
    laptop.write(toy_spec(smoke={"inputs": {"data/raw.csv": "sample.csv"}}))
    done = laptop.run("--smoke")
    assert done.returncode == 0, done.stderr
    assert precious.read_text() == "1\n2\n"


def test_smoke_inputs_do_not_follow_a_folder_that_is_a_link(laptop: Laptop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "raw.csv").write_text("1\n2\n")
    (laptop.project / "more").symlink_to(elsewhere)
    (laptop.project / "sample.csv").write_text("9\n")
    laptop.write(toy_spec(smoke={"inputs": {"more/raw.csv": "sample.csv"}}))
    done = laptop.run("--smoke")
    assert done.returncode == 10, done.stderr
    assert (elsewhere / "raw.csv").read_text() == "1\n2\n"


def test_set_changes_no_file_that_a_link_leads_to(laptop: Laptop, tmp_path: Path) -> None:
    shared = tmp_path / "shared.yaml"
    shared.write_text("train:\n  lr: 0.5\n")
    (laptop.project / "params.yaml").unlink()
    (laptop.project / "params.yaml").symlink_to(shared)
    done = laptop.run("--set", "train.lr=0.75", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert {"name": "score", "value": "0.75"} in json.loads(done.stdout)["status"]["metrics"]
    assert shared.read_text() == "train:\n  lr: 0.5\n"


def test_names_and_numbers_of_any_size_lose_no_training(laptop: Laptop) -> None:
    stage = "s" * 300
    evaluate = """
    import json
    many = {"m%05d" % number + "x" * 40: number for number in range(3000)}
    odd = {"big": 10 ** 400, "\\ud800": 1, "a//b": 2, "../x": 3, "k" * 300: 4}
    json.dump({"score": 0.5, "many": many, **odd}, open("models/eval.json", "w"))
    """
    files = toy_files(src__evaluate_dot_py=evaluate)
    params = f'train:\n  lr: 0.5\n"a,": 1\n"a;": 2\n"x//y": 3\n"../z": 4\n"{"k" * 260}": 5\n'
    (laptop.project / "params.yaml").write_text(params)
    (laptop.project / "src/evaluate.py").write_text(files["src/evaluate.py"])
    text = files["dvc.yaml"].replace("  evaluate:", f"  {stage}:")
    (laptop.project / "dvc.yaml").write_text(text)
    done = laptop.run("-o", "json")
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)["status"]
    assert status["stages"][2]["name"] == stage[:256]
    assert status["model"]["promoted"]
    assert len(status["metrics"]) == 1000
    # The metric that is compared is on the version, whatever else fits.
    worse = laptop.run("--set", "train.lr=0.25")
    assert worse.returncode == 0, worse.stderr


def test_a_folder_that_cannot_be_written_to_is_told(laptop: Laptop) -> None:
    (laptop.project / ".retrain").write_text("in the way")
    done = laptop.run()
    assert done.returncode == 10, done.stderr
    assert ".retrain cannot be written to" in done.stderr


def test_pull_overwrites_no_data_that_dvc_has_not_recorded(laptop: Laptop) -> None:
    assert laptop.run().returncode == 0
    (laptop.project / "data/raw.csv").write_text("labelled by hand\n")
    done = laptop.retrain("pull", "toy")
    assert done.returncode == 10, done.stderr
    assert "data/raw.csv" in done.stderr
    assert (laptop.project / "data/raw.csv").read_text() == "labelled by hand\n"
    assert laptop.retrain("pull", "toy", "--force").returncode == 0
    assert (laptop.project / "data/raw.csv").read_text() == "1\n1\n1\n"
    assert laptop.retrain("pull", "toy").returncode == 0


def test_pull_writes_no_file_that_is_none_of_the_pipelines(laptop: Laptop) -> None:
    assert laptop.run().returncode == 0
    for kind, path in (
        ("params", ".git/config"),
        ("params", "src/train.py"),
        ("params", "../outside.yaml"),
        ("locks", "/tmp/dvc.lock"),
        ("locks", ".dvc/config"),
        ("imports", "Makefile"),
    ):
        genuine = laptop.forge_record("1", **{kind: {path: "theirs"}})
        target = laptop.project / path
        before = target.read_text() if target.exists() else None
        done = laptop.retrain("pull", "toy", "--force")
        assert (done.returncode, path in done.stderr) == (10, True), done.stderr
        assert (target.read_text() if target.exists() else None) == before
        assert laptop.git("status", "--porcelain") == ""
        laptop.set_record("1", genuine)
    assert laptop.retrain("pull", "toy", "--force").returncode == 0


def test_an_unusable_state_or_tag_of_an_earlier_version_costs_only_time(laptop: Laptop) -> None:
    assert laptop.run().returncode == 0
    (file,) = laptop.project.glob(".retrain/remote/retrain/records/*.json")
    file.write_text('{"environment": "cut off in the mid')
    client = MlflowClient(f"sqlite:///{laptop.project}/.retrain/mlflow/mlflow.db")
    for junk in ("[1]", '{"score": "high"}', '{"score": null}', "{", f'{{"score": {10**400}}}'):
        client.set_model_version_tag("toy", "1", "retrain.dev/metrics", junk)
        done = laptop.run("--set", f"train.lr=0.{len(junk)}")
        assert done.returncode == 0, done.stderr
