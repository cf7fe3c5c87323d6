"""Whole runs in the trainer image, with a read-only root, as its user, without an index."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from images.container import Container
from images.pods import ImagePods, copied
from retrain_core.outcome import Reason
from servers.git_https import GitHttpsServer
from servers.git_repos import BareRepository
from servers.mlflow_server import MlflowServer
from servers.s3 import S3Server
from support.toy import toy_files
from support.wheels import make_wheel
from support.world import World

TRAIN = """
import json, os, subprocess
import joblib, matplotlib.pyplot as plt, mlflow, pandas, sklearn.linear_model
import retrain_gamma

rows = pandas.read_csv("data/processed.csv", header=None)
with joblib.Parallel(n_jobs=2) as parallel:
    parallel(joblib.delayed(abs)(number) for number in range(4))
plt.plot(rows)
mlflow.log_figure(plt.gcf(), "rows.png")
model = sklearn.linear_model.LinearRegression().fit(rows, rows)
mlflow.sklearn.log_model(model, name="regression", registered_model_name=None)
subprocess.run(["git", "log", "-1"], check=True)
os.makedirs("models", exist_ok=True)
said = subprocess.run(["say-retrain_gamma"], capture_output=True, text=True, check=True).stdout
json.dump({"lr": 0.5, "gamma": retrain_gamma.VERSION, "said": said}, open("models/model.json", "w"))
json.dump({"loss": 0.5}, open("models/metrics.json", "w"))
"""


@pytest.fixture
def world(
    tmp_path: Path,
    git_root: Path,
    git_https: GitHttpsServer,
    s3: S3Server,
    mlflow_server: MlflowServer,
) -> World:
    name = f"toy-{uuid.uuid4().hex[:8]}"
    files = toy_files(src__train_dot_py=TRAIN) | {"requirements.txt": "retrain_gamma==3.0\n"}
    repository = BareRepository.create(git_root / f"{name}.git", files)
    s3.create_bucket(name)
    folder = tmp_path / name
    folder.mkdir()
    return World(name, folder, repository, git_https, s3, mlflow_server)


def pods(world: World, trainer: Container, **spec: Any) -> ImagePods:
    made = world.pods(world.spec(**spec))
    wheels = made.folder / "wheels"
    make_wheel(wheels, "retrain_gamma", "3.0", script=True)
    authority = copied(world.git.ca_file, made.folder)
    offline = {"UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1"}
    return ImagePods(
        made.folder,
        made.spec,
        {"GIT_SSL_CAINFO": str(authority), **offline},
        world.s3.environment(),
        made.git_secret,
        container=trainer,
    )


def test_a_run_with_requirements_from_a_folder_of_wheels(world: World, trainer: Container) -> None:
    job = pods(world, trainer, python={"requirements": "requirements.txt"})
    ended = job.run()
    assert ended.result.reason is Reason.TRAINED, ended
    assert ended.result.mlflow is not None

    state = job.folder / "workspace-1" / "state"
    assert any((state / "cache" / "dvc" / "files").iterdir())
    assert any((state / "cache" / "uv").iterdir())
    (model,) = job.folder.glob("workspace-1/**/models/model.json")
    written = json.loads(model.read_text())
    assert written["gamma"] == "3.0"
    assert written["said"].startswith(f"3.0 {state}/env/")
    folder = world.folder / "downloaded"
    folder.mkdir()
    run = ended.result.mlflow.run_id or ""
    recorded = world.client().download_artifacts(run, "retrain/environment.json", str(folder))
    packages = json.loads(Path(recorded).read_text())["packages"]
    assert packages["retrain-gamma"] == "3.0"
    assert {"scikit-learn", "pandas", "mlflow"} <= set(packages)
    assert "dvc" not in packages


@pytest.mark.exhaustive
def test_a_run_whose_requirement_cannot_be_had_says_so(world: World, trainer: Container) -> None:
    world.repository.commit({"requirements.txt": "retrain_delta\n"})
    ended = pods(world, trainer, python={"requirements": "requirements.txt"}).run()
    assert ended.result.reason is Reason.ENVIRONMENT_FAILED, ended
    assert "retrain-delta" in ended.result.message
