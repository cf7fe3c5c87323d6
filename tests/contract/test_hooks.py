"""Each undocumented hook that we rely on: these fail when a pinned version moves.

The rest of reference/dvc-mlflow.md 13 is covered where it is used: resume, SIGTERM, outputs that
are not written and refusals in tests/trainer.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.config import Config
from dvc.repo import Repo, lock_repo
from dvc.repo.metrics.show import _collect_top_level_metrics
from dvc.repo.params.show import _collect_top_level_params
from dvc.repo.reproduce import _reproduce_stage
from dvc.stage.cache import StageCache, _get_cache_hash
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_single_stage_lockfile
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


def test_a_stage_runs_and_is_recorded_on_its_own_with_variables_for_its_command(
    project: Path,
) -> None:
    log = project / "ran.log"
    repo = Repo(str(project))
    repo.update(["data/raw.csv.dvc"])
    with lock_repo(repo):
        (stage,) = [s for s in repo.index.stages if s.addressing == "prepare"]
        _reproduce_stage(stage, force=True, run_env={"TOY_LOG": str(log)})
        assert all(out.hash_info for out in stage.outs)
    assert log.read_text() == "prepare\n"
    assert "prepare" in (project / "dvc.lock").read_text()


def test_the_key_of_a_result_is_the_one_of_dvcs_run_cache(project: Path) -> None:
    repo = Repo(str(project))
    repo.update(["data/raw.csv.dvc"])
    repo.reproduce(["prepare"], single_item=True)
    (stage,) = [s for s in repo.index.stages if s.addressing == "prepare"]
    key = _get_cache_hash(to_single_stage_lockfile(stage), key=True)
    assert (project / ".dvc/cache/runs" / key[:2] / key).is_dir()


def test_an_entry_of_dvc_lock_gives_a_stage_its_hashes(project: Path) -> None:
    repo = Repo(str(project))
    repo.update(["data/raw.csv.dvc"])
    repo.reproduce(["prepare"], single_item=True)
    (stage,) = [s for s in repo.index.stages if s.addressing == "prepare"]
    recorded = to_single_stage_lockfile(stage)
    (project / "dvc.lock").unlink()
    repo._reset()
    (stage,) = [s for s in repo.index.stages if s.addressing == "prepare"]
    assert not any(out.hash_info for out in stage.outs)
    StageLoader.fill_from_lock(stage, recorded)
    assert to_single_stage_lockfile(stage) == recorded
    assert not stage.changed_stage()


def test_metrics_plots_and_parameters_of_dvc_yaml_that_are_no_outputs_are_known(
    project: Path,
) -> None:
    text = """
params: [live/params.yaml]
metrics: [live/m.json]
plots: [live/p.csv, {id: {x: s, y: {live/q.csv: v}}}]
"""
    (project / "dvc.yaml").write_text(text)
    repo = Repo(str(project))
    assert list(_collect_top_level_metrics(repo)) == ["live/m.json"]
    assert list(_collect_top_level_params(repo)) == ["live/params.yaml"]
    ((file, plots),) = repo.index._plots.items()
    assert Path(file).name == "dvc.yaml"
    assert plots == ["live/p.csv", {"id": {"x": "s", "y": {"live/q.csv": "v"}}}]


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


def test_an_uncached_output_can_be_kept_as_a_copy() -> None:
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
