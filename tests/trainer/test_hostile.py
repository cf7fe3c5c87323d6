"""What stages, servers and signals can do to a pod, short of what Kubernetes itself prevents."""

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
from retrain_core.spec import GitSource
from retrain_trainer.git_access import GitSecret, _credentials
from servers.silent import silent_server
from support.pods import Ended
from support.toy import toy_files
from support.world import World

CANARY = "canary-4711"
MakeWorld = Callable[..., World]


def trained(ended: Ended) -> Ended:
    assert ended.result.reason is Reason.TRAINED, ended
    return ended


def test_sigterm_before_the_work_has_begun_is_told_as_cancelled(world: World) -> None:
    with silent_server() as (silent, address):
        pods = world.pods(world.spec(mlflow={"trackingURI": address}))
        pods.attempt = 1
        with pods.training() as process:
            silent.settimeout(60)
            connection, _ = silent.accept()
            os.kill(process.pid, signal.SIGTERM)
            ended = pods.ended(process)
            connection.close()
    assert (ended.code, ended.result.reason) == (143, Reason.CANCELLED), ended
    assert "Traceback" not in ended.output


@pytest.mark.exhaustive
def test_sigterm_while_the_champion_is_evaluated_leaves_no_process(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    evaluate = toy_files()["src/evaluate.py"] + (
        "if '/state/' in os.getcwd() and os.environ.get('TOY_MARK'):\n"
        "    open(os.environ['TOY_MARK'], 'w').close()\n"
        "    time.sleep(100)\n"
    )
    dvc_yaml = toy_files()["dvc.yaml"].replace(
        "cmd: python src/evaluate.py", "cmd: true && python src/evaluate.py && true"
    )
    world = make_world(toy_files(src__evaluate_dot_py=evaluate, dvc_dot_yaml=dvc_yaml))
    trained(world.pods().run())
    world.repository.commit({"upstream/raw.csv": "50\n"})
    pods = world.pods()
    assert pods.source().code == 0
    mark = tmp_path / "mark"
    with pods.training(TOY_MARK=str(mark)) as process:
        while not mark.exists():
            assert process.poll() is None, pods.ended(process)
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGTERM)
        ended = pods.ended(process)
        group = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, check=False)
    assert ended.code == 143, ended
    assert group.stdout == b""
    again = trained(pods.run())
    assert again.result.model is not None
    assert again.result.model.version == "2"


def test_the_evaluation_of_the_champion_finds_no_credentials(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    mark = tmp_path / "seen"
    evaluate = toy_files()["src/evaluate.py"] + (
        f"if '/state/' in os.getcwd():\n    json.dump(dict(os.environ), open({str(mark)!r}, 'w'))\n"
    )
    world = make_world(toy_files(src__evaluate_dot_py=evaluate))
    database = f"postgresql://u:{CANARY}@h/d"
    trained(world.pods(HF_TOKEN=CANARY, DB=database).run())
    world.repository.commit({"upstream/raw.csv": "50\n"})
    trained(world.pods(HF_TOKEN=CANARY, DB=database).run())
    seen = json.loads(mark.read_text())
    assert CANARY not in str(seen)
    assert not any(name.startswith("AWS_") for name in seen)
    assert seen["PATH"]


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_what_the_trainer_starts_cannot_read_the_trainers_variables() -> None:
    code = (
        "import ctypes, subprocess, sys\n"
        "from retrain_trainer.undumpable import undumpable\n"
        "dumpable = 'import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))'\n"
        "undumpable()\n"
        "exec(dumpable)\n"
        "sys.stdout.flush()\n"
        "subprocess.run([sys.executable, '-c', dumpable], check=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]


def test_a_line_without_end_fills_neither_memory_nor_log(make_world: MakeWorld) -> None:
    printing = toy_files()["src/train.py"] + (
        "for _ in range(30):\n    sys.stdout.buffer.write(b'x' * 1_000_000)\n"
        "sys.stdout.buffer.write(bytes(range(256)) + b'\\n50%\\r100%\\nlast')\n"
    )
    ended = trained(make_world(toy_files(src__train_dot_py=printing)).pods().run())
    assert len(ended.output) < 1_000_000
    assert "\n| 100%\n| last" in ended.output


@pytest.mark.parametrize(
    ("tag", "alias"),
    [
        pytest.param("v1", "release-v1", marks=pytest.mark.exhaustive),
        pytest.param("latest", "release-latest", marks=pytest.mark.exhaustive),
        ("team/1.0+b", "release-team-1-0-b"),
    ],
)
def test_any_git_tag_can_be_a_release(world: World, tag: str, alias: str) -> None:
    pods = world.pods()
    pods.environment["RETRAIN_RELEASE"] = tag
    trained(pods.run())
    version = world.client().get_model_version_by_alias(world.name, alias)
    assert version.tags["retrain.dev/release"] == tag


def test_a_stage_that_deletes_the_mlflow_run_is_told_so(make_world: MakeWorld) -> None:
    deleting = toy_files()["src/train.py"] + (
        "from mlflow import MlflowClient\n"
        "context = json.loads(os.environ['MLFLOW_RUN_CONTEXT'])\n"
        "MlflowClient().delete_run(context['mlflow.parentRunId'])\n"
    )
    ended = make_world(toy_files(src__train_dot_py=deleting)).pods().run()
    assert ended.result.reason is Reason.TRACKING_DENIED, ended
    assert "was deleted" in ended.result.message


def test_a_commit_that_somebody_has_written_over_is_no_commit(world: World) -> None:
    pods = world.pods()
    source = pods.source()
    assert source.result.mlflow is not None
    run_id = source.result.mlflow.run_id or ""
    world.client().set_tag(run_id, "retrain.dev/commit", "--upload-pack=touch /tmp/x")
    ended = trained(pods.run())
    assert ended.result.commit == world.repository.sha()


def test_a_result_that_cannot_be_written_changes_no_exit_code(world: World) -> None:
    pods = world.pods()
    assert pods.source().code == 0
    (pods.folder / "train-1.json").mkdir()
    with pods.training() as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert "the result cannot be written" in output


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Username for 'https://git.example.com': ", "robot"),
        ("Password for 'https://robot@git.example.com': ", CANARY),
        ("Password for 'https://git.example.com': ", CANARY),
        ("Password for 'http://robot@git.example.com': ", ""),
        ("Password for 'https://robot@evil.example': ", ""),
        ("Password for 'https://x//git.example.com'@evil.example': ", ""),
        ("Password for 'https://x@git.example.com'@evil.example': ", ""),
        ("Password for 'https://robot@git.example.com.evil.example': ", ""),
    ],
)
def test_git_is_given_the_password_for_the_host_of_the_spec_alone(
    tmp_path: Path, prompt: str, answer: str
) -> None:
    (tmp_path / "username").write_text("robot")
    (tmp_path / "password").write_text(CANARY)
    source = GitSource.model_validate({"url": "https://git.example.com/team/iris.git"})
    with _credentials(source, GitSecret(tmp_path)) as env:
        done = subprocess.run(
            [env["GIT_ASKPASS"], prompt], env=env, capture_output=True, text=True, check=False
        )
    assert done.stdout == answer
