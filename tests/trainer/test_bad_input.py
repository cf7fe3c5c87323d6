"""Bad input ends early, with one reason, its exit code and a sentence that says what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retrain_core.outcome import OUTCOMES, Reason
from servers.auth_proxy import auth_proxy
from servers.mlflow_server import mlflow_server
from servers.process import free_port
from support.pods import Ended
from support.toy import DVC_YAML, TRAIN, toy_files
from support.world import World

MakeWorld = Callable[..., World]


def refused(ended: Ended, reason: Reason, *words: str) -> Ended:
    assert ended.result.reason is reason, ended
    assert ended.code == OUTCOMES[reason].exit_code, ended
    for word in words:
        assert word in ended.result.message, ended
    assert (ended.result.remedy or OUTCOMES[reason].remedy) in ended.output
    assert "Traceback" not in ended.output, ended
    return ended


SOURCES: dict[str, tuple[dict[str, Any], Reason, tuple[str, ...]]] = {
    "wrong git URL": (
        {"url": "https://localhost:{port}/nothing.git"},
        Reason.SOURCE_NOT_FOUND,
        ("nothing.git",),
    ),
    "unknown revision": (
        {"revision": "no-such-branch"},
        Reason.SOURCE_NOT_FOUND,
        ("no-such-branch",),
    ),
    "unknown commit": (
        {"revision": "0123456789abcdef0123456789abcdef01234567"},
        Reason.SOURCE_NOT_FOUND,
        ("0123456",),
    ),
    "no such folder": ({"path": "elsewhere"}, Reason.SOURCE_NOT_FOUND, ("elsewhere",)),
    "server down": (
        {"url": "https://localhost:{free}/x.git"},
        Reason.SOURCE_UNREACHABLE,
        ("localhost",),
    ),
    "unknown field": ({"revison": "x"}, Reason.INVALID_SPEC, ("revison",)),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_source_that_cannot_be_had(world: World, case: str) -> None:
    changes, reason, words = SOURCES[case]
    spec = world.spec()
    for key, value in changes.items():
        spec["source"]["git"][key] = value.format(port=world.git.port, free=free_port())
    ended = refused(world.pods(spec).source(), reason, *words)
    if ended.result.mlflow is not None:
        run = world.client().get_run(ended.result.mlflow.run_id or "")
        assert (run.info.status, run.data.tags["retrain.dev/reason"]) == ("FAILED", str(reason))
    assert (ended.result.mlflow is None) == (reason is Reason.INVALID_SPEC)


def test_wrong_git_credentials(world: World) -> None:
    pods = world.pods()
    pods.git_secret = {"username": "trainer", "password": "wrong-password"}
    ended = refused(pods.source(), Reason.SOURCE_DENIED, world.name)
    assert "wrong-password" not in ended.output


def test_an_ssh_secret_without_known_hosts(world: World) -> None:
    pods = world.pods()
    pods.git_secret = {"ssh-privatekey": "not read"}
    refused(pods.source(), Reason.INVALID_SPEC, "known_hosts", "ssh-keyscan")


PROJECTS: dict[str, tuple[dict[str, str | None], Reason, tuple[str, ...]]] = {
    "no dvc.yaml": ({"dvc.yaml": None}, Reason.INVALID_PIPELINE, ("no dvc.yaml",)),
    "no .dvc": (
        {".dvc/config": None, ".dvc/.gitignore": None},
        Reason.INVALID_PIPELINE,
        ("no DVC project",),
    ),
    "broken YAML": (
        {"dvc.yaml": "stages:\n  train:\n    cmd: [unclosed\n    deps: x\n"},
        Reason.INVALID_PIPELINE,
        ("dvc.yaml", "line 4"),
    ),
    "broken params": (
        {"params.yaml": "train:\n  lr: : 5\n"},
        Reason.INVALID_PIPELINE,
        ("params.yaml",),
    ),
    "unknown key in dvc.yaml": (
        {"dvc.yaml": DVC_YAML.replace("cmd: python src/train.py", "cmdx: python src/train.py")},
        Reason.INVALID_PIPELINE,
        ("dvc.yaml", "cmdx"),
    ),
    "a dependency that nobody makes": (
        {"src/train.py": None},
        Reason.INVALID_PIPELINE,
        ("train", "src/train.py"),
    ),
    "stage fails": (
        {"src/train.py": "import sys\nprint('the last words')\nsys.exit(3)\n"},
        Reason.STAGE_FAILED,
        ("train", "exited with 3", "the last words"),
    ),
    "stage writes no output": (
        {"src/train.py": "print('forgot')\n"},
        Reason.OUTPUT_MISSING,
        ("train", "models/model.json"),
    ),
    "stage is killed": (
        {"src/train.py": "import os\nos.kill(os.getpid(), 9)\n"},
        Reason.STAGE_FAILED,
        ("train", "was killed"),
    ),
    "metric is NaN": (
        {
            "params.yaml": "train:\n  lr: .nan\n",
            "src/train.py": TRAIN.replace("lr = float", "lr = 0 * float").replace(
                '.split(":")[1])', '.split(":")[1].replace(".nan", "nan"))'
            ),
        },
        Reason.METRIC_NOT_FINITE,
        ("score", "nan"),
    ),
    "metrics file is no JSON": (
        {"src/evaluate.py": "open('models/eval.json', 'w').write('{')\n"},
        Reason.METRIC_NOT_FOUND,
        ("models/eval.json",),
    ),
    "model is ambiguous": (
        {
            "dvc.yaml": DVC_YAML.replace(
                "outs: [models/model.json]", "outs: [models/model.json, models/best_model.json]"
            )
        },
        Reason.MODEL_AMBIGUOUS,
        ("models/model.json", "models/best_model.json"),
    ),
    "upstream is gone": ({"upstream/raw.csv": None}, Reason.DATA_MISSING, ("raw.csv",)),
}


@pytest.mark.parametrize("case", PROJECTS)
def test_a_project_that_cannot_be_trained(make_world: MakeWorld, case: str) -> None:
    changes, reason, words = PROJECTS[case]
    files = toy_files() | {path: text for path, text in changes.items() if text is not None}
    world = make_world(
        {path: text for path, text in files.items() if changes.get(path, "") is not None}
    )
    ended = refused(world.pods().run(), reason, *words)
    assert ended.result.mlflow is not None
    run = world.client().get_run(ended.result.mlflow.run_id or "")
    assert run.info.status == "FAILED"
    assert run.data.tags["retrain.dev/reason"] == reason


DVC_FIELDS: dict[str, tuple[dict[str, Any], Reason, tuple[str, ...]]] = {
    "unknown parameter": (
        {"params": {"train.lrr": 1}},
        Reason.INVALID_SPEC,
        ("spec.dvc.params.train.lrr", "train.lr"),
    ),
    "parameter of another type": (
        {"params": {"train.lr": "fast"}},
        Reason.INVALID_SPEC,
        ("train.lr", "number"),
    ),
    "unknown target": (
        {"targets": ["tain"]},
        Reason.INVALID_SPEC,
        ("spec.dvc.targets", "tain", "train"),
    ),
    "unknown forced stage": ({"force": ["tain"]}, Reason.INVALID_SPEC, ("spec.dvc.force", "tain")),
    "update of what is no import": (
        {"update": ["params.yaml"]},
        Reason.INVALID_SPEC,
        ("spec.dvc.update", "data/raw.csv.dvc"),
    ),
}


@pytest.mark.parametrize("case", DVC_FIELDS)
def test_a_field_that_does_not_fit_the_project(world: World, case: str) -> None:
    changes, reason, words = DVC_FIELDS[case]
    refused(world.pods(world.spec(dvc=changes)).run(), reason, *words)
    assert world.ran() == []


def test_a_missing_metric_fails_the_run_and_loses_nothing(world: World) -> None:
    model = {"name": world.name, "promotion": {"metric": "scor"}}
    ended = refused(
        world.pods(world.spec(model=model)).run(), Reason.METRIC_NOT_FOUND, "scor", "score"
    )
    assert ended.result.model is not None
    assert ended.result.model.version == "1"
    corrected = world.pods().run()
    assert corrected.result.reason is Reason.UP_TO_DATE, corrected
    assert corrected.result.model is not None
    assert (corrected.result.model.version, corrected.result.model.promoted) == ("1", True)
    assert world.ran() == ["prepare", "train", "evaluate"]


def test_a_wrong_bucket(world: World) -> None:
    spec = world.spec()
    spec["dvc"]["remote"]["url"] = "s3://no-such-bucket/dvc"
    refused(world.pods(spec).run(), Reason.STORE_NOT_FOUND, "s3://no-such-bucket/dvc")
    assert world.ran() == []


def test_wrong_keys_of_the_store(world: World) -> None:
    ended = world.pods(AWS_SECRET_ACCESS_KEY="wrong-secret-key").run()
    refused(ended, Reason.STORE_DENIED, world.bucket)
    assert "wrong-secret-key" not in ended.output
    assert world.ran() == []


def test_a_store_that_is_down(world: World) -> None:
    spec = world.spec()
    spec["dvc"]["remote"]["endpointURL"] = f"http://127.0.0.1:{free_port()}"
    refused(world.pods(spec).run(), Reason.STORE_UNREACHABLE, "cannot be reached")


def test_data_that_are_not_in_the_store(make_world: MakeWorld) -> None:
    tracked = (
        "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 5\n  hash: md5\n  path: raw.csv\n"
    )
    world = make_world(toy_files(data__raw_dot_csv_dot_dvc=tracked))
    refused(world.pods().run(), Reason.DATA_MISSING, "data/raw.csv")


def test_a_tracking_server_that_is_down(world: World) -> None:
    spec = world.spec(mlflow={"trackingURI": f"http://127.0.0.1:{free_port()}"})
    refused(world.pods(spec).source(), Reason.TRACKING_UNREACHABLE, "127.0.0.1")


@pytest.mark.parametrize("status", [401, 403])
def test_a_tracking_server_that_refuses(world: World, tmp_path: Path, status: int) -> None:
    with auth_proxy(tmp_path, status=status) as proxy:
        spec = world.spec(mlflow={"trackingURI": proxy.uri})
        refused(world.pods(spec).source(), Reason.TRACKING_DENIED, proxy.uri)


def test_a_tracking_server_that_refuses_its_host_name(world: World, tmp_path: Path) -> None:
    with mlflow_server(tmp_path, allowed_hosts=["mlflow.example"]) as server:
        spec = world.spec(mlflow={"trackingURI": server.uri})
        refused(world.pods(spec).source(), Reason.TRACKING_DENIED, "--allowed-hosts")


def test_a_tracking_uri_that_would_end_with_the_pod(world: World) -> None:
    spec = world.spec(mlflow={"trackingURI": "sqlite:///mlflow.db"})
    refused(world.pods(spec).source(), Reason.INVALID_SPEC, "sqlite", "tracking server")


def test_a_repository_whose_git_ignores_dvc_lock(make_world: MakeWorld) -> None:
    world = make_world(toy_files(_dot_gitignore="/models\n/data/processed.csv\ndvc.lock\n"))
    refused(world.pods().run(), Reason.INVALID_PIPELINE, "dvc.lock", "git-ignored")


def test_requirements_that_cannot_be_installed(make_world: MakeWorld) -> None:
    files = toy_files() | {"requirements.txt": "./no-such-package\n"}
    world = make_world(files)
    spec = world.spec(python={"requirements": "requirements.txt"})
    refused(world.pods(spec).run(), Reason.ENVIRONMENT_FAILED, "no-such-package")
