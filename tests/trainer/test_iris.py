"""The example as its team would train it on a cluster: its stages log to MLflow themselves."""

import hashlib
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from retrain_core.outcome import Reason
from servers.git_repos import git_environment
from support.pods import Pods
from support.world import World

ROOT = Path(__file__).resolve().parents[2]
IRIS = ROOT / "examples" / "iris"
RETRAIN = Path(sys.executable).parent / "retrain"


def iris_files() -> dict[str, str]:
    """What git tracks of the example."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=IRIS, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return {f"examples/iris/{name}": (IRIS / name).read_text() for name in names if name}


def iris_pods(world: World) -> Pods:
    spec = yaml.safe_load((IRIS / "trainingrun.yaml").read_text())["spec"]
    defaults = world.spec()
    spec["source"]["git"]["url"] = world.git.url(world.name)
    spec["mlflow"] = defaults["mlflow"]
    spec["dvc"] = defaults["dvc"]
    spec["model"]["name"] = world.name
    return world.pods(spec)


def kill_in_the_middle_of(stage: str, pods: Pods) -> None:
    with pods.training() as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(f"--> stage {stage} "):
                break
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


@pytest.mark.exhaustive
def test_iris_is_trained_once_though_its_first_pod_dies(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    world = make_world(iris_files())
    pods = iris_pods(world)
    assert pods.source().code == 0
    kill_in_the_middle_of("train", pods)
    commit = world.repository.sha()
    world.repository.commit({"examples/iris/params.yaml": "train: {C: 9}\n"})

    ended = pods.run()
    assert ended.result.reason is Reason.TRAINED, ended
    assert ended.result.commit == commit
    assert [(stage.name, stage.state) for stage in ended.result.stages] == [
        ("prepare", "Unchanged"),
        ("train", "Ran"),
        ("evaluate", "Ran"),
    ]
    client = world.client()
    experiment = client.get_experiment_by_name(world.name)
    assert experiment is not None
    ours = "tags.`retrain.dev/run` = 'toy'"
    (run,) = client.search_runs([experiment.experiment_id], filter_string=ours)
    assert run.info.status == "FINISHED"
    assert run.data.params["train.C"] == "0.1"
    assert run.data.metrics["f1_macro"] > 0.8
    (version,) = client.search_model_versions(f"name='{world.name}'")
    assert client.get_model_version_by_alias(world.name, "champion").version == version.version

    clone = tmp_path / "clone"
    env = git_environment() | {"GIT_SSL_CAINFO": str(world.git.ca_file)}
    subprocess.run(
        [
            *("git", "-c", f"http.extraHeader=Authorization: Basic {_basic(world)}"),
            *("clone", "--quiet", world.git.url(world.name), str(clone)),
        ],
        env=env,
        check=True,
    )
    project = clone / "examples" / "iris"
    (project / "run.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "retrain.dev/v1alpha1",
                "kind": "TrainingRun",
                "metadata": {"name": "iris"},
                "spec": pods.spec,
            }
        )
    )
    pulled = subprocess.run(
        [str(RETRAIN), "pull", f"{world.name}@champion", "-f", "run.yaml"],
        cwd=project,
        env={**os.environ, **world.s3.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert pulled.returncode == 0, pulled.stderr
    assert f"git checkout {commit}" in pulled.stdout
    registered = Path(client.download_artifacts(run.info.run_id, "model", str(tmp_path)))
    assert _md5(project / "models/model.joblib") == _md5(registered / "model.joblib")
    assert _md5(project / "dvc.lock") == version.tags["retrain.dev/dvc-lock-md5"]


def _basic(world: World) -> str:
    return b64encode(f"{world.git.user}:{world.git.password}".encode()).decode()


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()
