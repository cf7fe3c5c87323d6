"""A run as its two containers carry it out, against git, S3 and MLflow servers."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retrain_core.outcome import Reason
from servers.git_repos import git_environment
from servers.git_ssh import GitSshServer
from support.pods import Ended, Pods
from support.toy import DVC_YAML, TRAIN, manifest, toy_files
from support.world import World

MakeWorld = Callable[..., World]
DEPS = "deps: [src/train.py, src/common.py]"
RETRAIN = Path(sys.executable).parent / "retrain"


def trained(ended: Ended) -> Ended:
    assert ended.code == 0, ended
    assert ended.result.reason is Reason.TRAINED, ended
    return ended


def start_of(process: "subprocess.Popen[str]", wait: Path) -> None:
    """Until the train stage is in its middle."""
    started = Path(f"{wait}.started")
    deadline = time.monotonic() + 120
    while not started.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_in_the_middle(pods: Pods, wait: Path) -> None:
    """kill -9 of the trainer and its stage while the stage works."""
    wait.touch()
    with pods.training(TOY_WAIT=str(wait)) as process:
        start_of(process, wait)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    wait.unlink()


@pytest.mark.exhaustive
def test_the_chain_from_commit_to_alias_is_on_the_servers(world: World) -> None:
    pods = world.pods()
    source = pods.source()
    assert source.code == 0, source
    assert source.result.reason is None
    assert source.result.commit == world.repository.sha()
    assert source.result.mlflow is not None
    ended = trained(pods.train())

    result = ended.result
    client = world.client()
    assert result.commit == world.repository.sha()
    assert result.mlflow is not None
    assert result.mlflow.run_id == source.result.mlflow.run_id
    run = client.get_run(result.mlflow.run_id or "")
    assert run.info.status == "FINISHED"
    assert run.data.tags["mlflow.source.git.commit"] == result.commit
    assert run.data.params == {"train.lr": "0.5"}
    assert run.data.metrics == {"score": 0.5, "loss": 0.5}
    assert run.inputs is not None
    inputs = {item.dataset.name: item.dataset.digest for item in run.inputs.dataset_inputs}
    assert inputs == {"data/raw.csv": hashlib.md5(b"1\n1\n1\n").hexdigest()}
    artifacts = {item.path for item in client.list_artifacts(run.info.run_id, "retrain")}
    assert {"retrain/dvc.lock", "retrain/environment.json"} <= artifacts
    # The store alone says what a version is.
    assert "retrain/records" not in artifacts

    assert [stage.state for stage in result.stages] == ["Ran", "Ran", "Ran"]
    objects = world.s3.objects(world.bucket)
    for content in (b"1\n1\n1\n", b'{"lr": 0.5, "n": 3}', b'{"score": 0.5}'):
        digest = hashlib.md5(content).hexdigest()
        assert f"dvc/files/md5/{digest[:2]}/{digest[2:]}" in objects

    version = client.get_model_version_by_alias(world.name, "champion")
    assert result.model is not None
    assert (result.model.version, result.model.promoted) == (version.version, True)
    assert version.run_id == run.info.run_id
    assert version.tags["retrain.dev/commit"] == result.commit
    assert result.dvc is not None
    assert version.tags["retrain.dev/dvc-lock-md5"] == result.dvc.lock_md5


def test_a_repository_is_fetched_over_ssh_with_a_deploy_key(
    world: World, git_ssh: GitSshServer
) -> None:
    spec = world.spec()
    spec["source"]["git"]["url"] = git_ssh.url(world.name)
    pods = world.pods(spec)
    pods.git_secret = {
        "ssh-privatekey": git_ssh.private_key.read_text(),
        "known_hosts": git_ssh.known_hosts,
    }
    trained(pods.run())


@pytest.mark.parametrize(
    "lock_in_git",
    [
        pytest.param(False, id="no dvc.lock"),
        pytest.param(True, id="dvc.lock in git", marks=pytest.mark.exhaustive),
    ],
)
def test_after_a_kill_in_the_middle_only_what_had_not_ended_runs(
    world: World, lock_in_git: bool
) -> None:
    if lock_in_git:
        first = trained(world.pods().run())
        assert first.result.mlflow is not None
        artifact = world.client().download_artifacts(
            first.result.mlflow.run_id or "", "retrain/dvc.lock", str(world.folder)
        )
        text = Path(artifact).read_text()
        world.repository.commit({"dvc.lock": text, "params.yaml": "train:\n  lr: 0.25\n"})
        world.repository.commit({"src/prepare.py": toy_files()["src/prepare.py"] + "\n# new\n"})
        world.log.unlink()
    commit = world.repository.sha()
    versions_before = len(world.client().search_model_versions(f"name='{world.name}'"))
    runs_before = _runs(world)

    spec = world.spec(dvc={"force": ["prepare"], "update": ["data/raw.csv.dvc"]})
    pods = world.pods(spec)
    assert pods.source().code == 0
    kill_in_the_middle(pods, world.folder / "wait")
    assert world.ran() == ["prepare", "train"]
    moved = world.repository.commit(
        {"params.yaml": "train:\n  lr: 0.9\n", "upstream/raw.csv": "7\n"}
    )

    ended = trained(pods.run())
    assert world.ran() == ["prepare", "train", "train", "evaluate"]
    assert ended.result.commit == commit != moved
    assert [stage.state for stage in ended.result.stages] == ["Unchanged", "Ran", "Ran"]
    assert _runs(world) == runs_before + 1
    versions = world.client().search_model_versions(f"name='{world.name}'")
    assert len(versions) == versions_before + 1
    assert ended.result.metrics[0].value in ("0.5", "0.75", "0.25")


def test_a_kill_between_registration_and_promotion_adds_no_second_version(world: World) -> None:
    pods = world.pods()
    ended = trained(pods.run())
    assert ended.result.model is not None
    client = world.client()
    # As if the first attempt had ended right after registering.
    client.delete_registered_model_alias(world.name, "champion")
    client.delete_registered_model_tag(world.name, "retrain.dev/alias.champion")
    for tag in ("promotion", "promoting"):
        client.delete_model_version_tag(world.name, "1", f"retrain.dev/{tag}")
    again = trained(pods.run())
    assert again.result.model is not None
    assert (again.result.model.version, again.result.model.promoted) == ("1", True)
    assert client.get_model_version_by_alias(world.name, "champion").version == "1"
    assert world.ran() == ["prepare", "train", "evaluate"]


@pytest.mark.exhaustive
def test_sigterm_ends_the_stage_and_leaves_nothing_locked(world: World) -> None:
    pods = world.pods()
    assert pods.source().code == 0
    wait = world.folder / "wait"
    wait.touch()
    with pods.training(TOY_WAIT=str(wait)) as process:
        start_of(process, wait)
        os.kill(process.pid, signal.SIGTERM)
        ended = pods.ended(process)
        assert ended.code == 143, ended
        group = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, check=False)
        assert group.stdout == b""
    assert ended.result.reason is Reason.CANCELLED
    assert ended.result.mlflow is not None
    run = world.client().get_run(ended.result.mlflow.run_id or "")
    assert run.info.status == "KILLED"
    locks = list(pods.folder.glob("workspace-1/repository/.dvc/tmp/rwlock"))
    assert all(json.loads(lock.read_text() or "{}") == {} for lock in locks)
    wait.unlink()
    trained(pods.run())
    assert _runs(world) == 1


@pytest.mark.exhaustive
def test_pull_in_a_new_clone_brings_the_same_bytes(world: World, tmp_path: Path) -> None:
    spec = world.spec(dvc={"params": {"train.lr": 0.75}})
    trained(world.pods(spec).run())
    clone = tmp_path / "clone"
    env = git_environment() | {"GIT_SSL_CAINFO": str(world.git.ca_file)}
    url = world.git.url(world.name).replace(
        "https://", f"https://{world.git.user}:{world.git.password}@"
    )
    subprocess.run(["git", "clone", "--quiet", url, str(clone)], env=env, check=True)
    (clone / "trainingrun.yaml").write_text(manifest(spec))
    done = subprocess.run(
        [str(RETRAIN), "pull", f"{world.name}@champion", "-f", "trainingrun.yaml"],
        cwd=clone,
        env={**os.environ, **world.s3.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (clone / "models/model.json").read_text() == '{"lr": 0.75, "n": 3}'
    assert (clone / "models/eval.json").read_text() == '{"score": 0.75}'
    assert (clone / "data/raw.csv").read_text() == "1\n1\n1\n"
    assert (clone / "params.yaml").read_text() == "train:\n  lr: 0.75\n"
    lock = (clone / "dvc.lock").read_bytes()
    version = world.client().get_model_version_by_alias(world.name, "champion")
    assert hashlib.md5(lock).hexdigest() == version.tags["retrain.dev/dvc-lock-md5"]


@pytest.mark.exhaustive
def test_a_run_with_nothing_to_do_adds_no_version(world: World) -> None:
    trained(world.pods().run())
    ended = world.pods().run()
    assert ended.code == 0, ended
    assert ended.result.reason is Reason.UP_TO_DATE
    assert [stage.state for stage in ended.result.stages] == ["Unchanged"] * 3
    assert ended.result.model is not None
    assert ended.result.model.version == "1"
    assert len(world.client().search_model_versions(f"name='{world.name}'")) == 1
    assert world.ran() == ["prepare", "train", "evaluate"]


def _runs(world: World) -> int:
    client = world.client()
    experiment = client.get_experiment_by_name(world.name)
    return len(client.search_runs([experiment.experiment_id])) if experiment else 0


@pytest.mark.exhaustive
def test_what_a_stage_reads_without_naming_it_is_there_in_each_run(world: World) -> None:
    """In the first pod `prepare` ran; in the second it does not."""
    undeclared = DVC_YAML.replace("deps: [src/train.py, src/common.py, data/processed.csv]", DEPS)
    world.repository.commit({"dvc.yaml": undeclared})
    trained(world.pods().run())
    world.repository.commit({"src/train.py": f"{TRAIN}\n# changed\n"})
    states = {stage.name: stage.state for stage in trained(world.pods().run()).result.stages}
    assert (states["prepare"], states["train"]) == ("Unchanged", "Ran")
