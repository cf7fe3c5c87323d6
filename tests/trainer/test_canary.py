"""Credentials in every place that takes one appear nowhere."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from retrain_core.outcome import Reason
from servers.auth_proxy import auth_proxy
from support.toy import toy_files
from support.world import World

CANARY = "canary-9f27c1"


def everything_of(client: MlflowClient, world: World, folder: Path) -> str:
    """All that MLflow holds of a world: tags, params, artifacts, versions."""
    experiment = client.get_experiment_by_name(world.name)
    assert experiment is not None
    texts = []
    for run in client.search_runs([experiment.experiment_id]):
        texts.append(json.dumps(run.to_dictionary()))
        folder.mkdir(exist_ok=True)
        target = Path(client.download_artifacts(run.info.run_id, "", str(folder / "downloads")))
        texts += [path.read_text(errors="replace") for path in target.rglob("*") if path.is_file()]
    for version in client.search_model_versions(f"name='{world.name}'"):
        texts.append(json.dumps(dict(version.tags) | {"source": version.source}))
    return "\n".join(texts)


@pytest.mark.parametrize("way", ["variables", "address"])
def test_no_credential_reaches_output_result_or_mlflow(
    world: World, tmp_path: Path, way: str
) -> None:
    telling = toy_files()["src/train.py"] + "print({k: v for k, v in os.environ.items()})\n"
    world.repository.commit({"src/train.py": telling})
    password = f"{CANARY}-mlflow"
    with auth_proxy(
        tmp_path, upstream=world.mlflow.uri, user="someone", password=password
    ) as proxy:
        spec = world.spec(mlflow={})
        address = proxy.uri
        if way == "address":
            address = address.replace("://", f"://someone:{password}@")
        spec["mlflow"] = {}
        pods = world.pods(
            spec,
            HF_TOKEN=f"{CANARY}-token",
            DATABASE_URL=f"postgres://user:{CANARY}-userinfo@db/x",
            UV_INDEX_URL=f"https://user:{CANARY}-index@packages.example/simple",
        )
        pods.environment["MLFLOW_TRACKING_URI"] = address
        if way == "variables":
            pods.environment |= {
                "MLFLOW_TRACKING_USERNAME": "someone",
                "MLFLOW_TRACKING_PASSWORD": password,
            }
        ended = pods.run()
    assert ended.result.reason is Reason.TRAINED, ended
    printed = "\n".join(path.read_text() for path in pods.folder.glob("*-1.json"))
    recorded = everything_of(world.client(), world, tmp_path / "recorded")
    secret_key = world.s3.secret_key
    for text in (ended.output, printed, recorded):
        assert CANARY not in text
        assert secret_key not in text
        assert (world.git.password or "") not in text
    assert "trained with lr" in ended.output


def test_no_credential_reaches_the_output_of_a_run_that_fails(world: World) -> None:
    failing = "import os, sys\nsys.exit(str(dict(os.environ)))\n"
    world.repository.commit({"src/train.py": failing})
    ended = world.pods(API_KEY=f"{CANARY}-api").run()
    assert ended.result.reason is Reason.STAGE_FAILED, ended
    for text in (ended.output, ended.result.message):
        assert CANARY not in text
        assert world.s3.secret_key not in text
    assert "GIT_SSL_CAINFO" in ended.result.message


def test_train_is_never_given_the_git_credentials(world: World) -> None:
    looking = toy_files()["src/train.py"] + (
        "import pathlib\n"
        "for path in pathlib.Path('..').rglob('*'):\n"
        "    if path.is_file() and b'git-' + b'password' in path.read_bytes():\n"
        "        sys.exit(f'found in {path}')\n"
    )
    world.repository.commit({"src/train.py": looking})
    ended = world.pods().run()
    assert ended.result.reason is Reason.TRAINED, ended
