"""Each undocumented hook that we rely on: these fail when a pinned version moves.

The rest of reference/dvc-mlflow.md 13 is covered where it is used: resume, SIGTERM, outputs that
are not written and refusals in tests/trainer.
"""

import inspect
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.config import Config
from dvc.repo import Repo
from dvc.repo.reproduce import _reproduce, _reproduce_stage
from dvc.stage.cache import StageCache
from dvc.utils.serialize import MODIFIERS
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from retrain_trainer.tracking.client import connect
from retrain_trainer.tracking.variables import PARENT, PARENT_RUN_ID, STAGE, Parent, stage_variables
from support.toy import toy_files, write_files


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_files(tmp_path / "project", toy_files())
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.chdir(folder)
    config = Config(str(folder / ".dvc"))
    with config.edit("local") as content:
        content["core"] = {"no_scm": True}
    return folder


def test_reproduce_hands_stages_to_repro_fn_and_variables_to_their_commands(project: Path) -> None:
    log = project / "ran.log"
    seen = []

    def hook(stage: object, **kwargs: object) -> object:
        seen.append(stage.addressing)  # type: ignore[attr-defined]
        return _reproduce_stage(stage, run_env={"TOY_LOG": str(log)}, force=kwargs["force"])

    repo = Repo(str(project))
    repo.update(["data/raw.csv.dvc"])
    assert [s.addressing for s in repo.reproduce(["prepare"], single_item=True, repro_fn=hook)]
    assert seen == ["prepare"]
    assert log.read_text() == "prepare\n"
    assert repo.reproduce(["prepare"], single_item=True) == []
    assert "repro_fn" in inspect.signature(_reproduce).parameters


def test_a_configuration_in_memory_gives_remotes_and_cache(project: Path, tmp_path: Path) -> None:
    config = {
        "core": {"remote": "mine"},
        "remote": {"mine": {"url": str(tmp_path / "remote")}, "other": {"url": "s3://b/p"}},
        "cache": {"dir": str(tmp_path / "cache")},
    }
    repo = Repo(str(project), config=config)
    assert repo.cloud.get_remote().path == str(tmp_path / "remote")
    assert repo.cloud.get_remote("other").path == "b/p"
    assert repo.cache.local.path.startswith(str(tmp_path / "cache"))
    assert "mine" not in (project / ".dvc/config").read_text()


def test_only_the_log_tells_a_command_that_ran_from_a_result_that_was_restored(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    repo = Repo(str(project))
    repo.update(["data/raw.csv.dvc"])
    with caplog.at_level(logging.INFO, logger="dvc.stage"):
        repo.reproduce(["prepare"], single_item=True)
        assert any(
            r.name == "dvc.stage.run" and r.msg.startswith("Running stage") for r in caplog.records
        )
        (project / "dvc.lock").unlink()
        caplog.clear()
        assert repo.reproduce(["prepare"], single_item=True) != []
        assert not any(r.name == "dvc.stage.run" for r in caplog.records)


def test_a_left_over_rwlock_with_a_living_process_blocks_until_it_is_removed(project: Path) -> None:
    import json
    import os

    from dvc.rwlock import RWLockFileCorruptedError

    repo = Repo(str(project))
    repo.update(["data/raw.csv.dvc"])
    lock = project / ".dvc/tmp/rwlock"
    path = str(project / "data" / "processed.csv")
    info = {"pid": os.getppid(), "cmd": "another"}
    lock.write_text(json.dumps({"write": {path: info}}))
    with pytest.raises(Exception, match="failed to reproduce") as caught:
        repo.reproduce(["prepare"], single_item=True)
    assert "busy" in str(caught.value.__cause__)
    assert not isinstance(caught.value.__cause__, RWLockFileCorruptedError)
    lock.unlink()
    assert repo.reproduce(["prepare"], single_item=True) != []


def test_parameter_files_are_modified_with_their_comments(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("train:\n  lr: 0.5  # the rate\n")
    with MODIFIERS[".yaml"](str(file)) as content:
        content["train"]["lr"] = 0.25
    assert file.read_text().split() == ["train:", "lr:", "0.25", "#", "the", "rate"]


def test_the_run_cache_can_be_copied_without_what_is_there_already() -> None:
    assert "force" in inspect.signature(StageCache.transfer).parameters
    assert hasattr(StageCache, "_cache_type_copy")


def test_a_plain_artifact_can_become_a_version_and_missing_names_are_told_apart(
    tmp_path: Path,
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.create_experiment("e", (tmp_path / "artifacts").as_uri())
    run = client.create_run(experiment)
    client.log_text(run.info.run_id, "weights", "model/weights.txt")
    with pytest.raises(MlflowException) as missing_model:
        client.get_model_version_by_alias("m", "champion")
    assert missing_model.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.create_registered_model("m")
    with pytest.raises(MlflowException) as twice:
        client.create_registered_model("m")
    assert twice.value.error_code == "RESOURCE_ALREADY_EXISTS"
    version = client.create_model_version(
        "m", f"runs:/{run.info.run_id}/model", run_id=run.info.run_id
    )
    assert int(version.version) == 1
    with pytest.raises(MlflowException) as missing_alias:
        client.get_model_version_by_alias("m", "champion")
    assert missing_alias.value.error_code == "INVALID_PARAMETER_VALUE"


def test_every_run_that_code_starts_has_the_tags_of_the_context_and_keeps_its_files_where_told(
    tmp_path: Path,
) -> None:
    uri = f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}"
    client = connect(uri)
    code = (
        "import mlflow\n"
        "with mlflow.start_run(run_name='first'):\n"
        "    mlflow.start_run(nested=True); mlflow.end_run()\n"
        "mlflow.set_experiment('theirs')\n"
        "mlflow.log_param('a', 1)\n"
    )
    parent = Parent("0" * 32, "ours", "iris", 1, "abc")
    environment = os.environ | stage_variables(parent, "train") | {"MLFLOW_TRACKING_URI": uri}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    experiments = {found.experiment_id: found for found in client.search_experiments()}
    runs = client.search_runs(
        list(experiments),
        filter_string=f"tags.`{PARENT}` = '{parent.run_id}' and tags.`{STAGE}` = 'train'",
        order_by=["attributes.start_time"],
    )
    assert [run.info.run_name for run in runs] == ["first", "iris/train", "iris/train"]
    assert [run.data.tags[PARENT_RUN_ID] for run in runs] == [
        parent.run_id,
        runs[0].info.run_id,
        parent.run_id,
    ]
    assert {run.data.tags["mlflow.source.git.commit"] for run in runs} == {"abc"}
    names = [experiments[run.info.experiment_id].name for run in runs]
    assert names == ["ours", "ours", "theirs"]
    root = (tmp_path / "store" / "artifacts").as_uri()
    assert all(str(found.artifact_location).startswith(root) for found in experiments.values())
