"""Small texts beside the contents in a store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from retrain_core.outcome import RunFailed
from retrain_core.spec import TrainingRunSpec
from retrain_trainer.execution import Execution
from retrain_trainer.pipeline.entries import list_names, read_text, store_text
from retrain_trainer.pipeline.project import Project, enter_project
from servers.s3 import S3Server
from support.toy import toy_files, write_files

MakeProject = Callable[..., Project]


@pytest.fixture
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProject:
    def make(url: str, name: str = "project") -> Project:
        files = {".dvc/config": "[core]\n    no_scm = true\n    analytics = false\n"}
        folder = write_files(tmp_path / name, toy_files() | files)
        spec = {"source": {"image": {"path": "/"}}, "dvc": {"remote": {"url": url}}}
        execution = Execution(
            name="toy",
            uid="1",
            spec=TrainingRunSpec.model_validate(spec),
            project=folder,
            state=tmp_path / f"{name}-state",
            tracking_uri="",
        )
        return enter_project(execution)

    monkeypatch.chdir(tmp_path)
    return make


def keeps_entries(project: Project) -> None:
    assert list_names(project, "retrain/results/k1") == []
    assert read_text(project, "retrain/results/k1/e1/1-a") is None
    store_text(project, "retrain/results/k1/e1/1-a", "first")
    store_text(project, "retrain/results/k1/e2/2-b", "zweite Zeile: ä\n")
    store_text(project, "retrain/results/k2/e1/3-c", "another key")
    assert list_names(project, "retrain/results/k1") == ["e1/1-a", "e2/2-b"]
    assert list_names(project, "retrain/results/k1/e1") == ["1-a"]
    assert read_text(project, "retrain/results/k1/e2/2-b") == "zweite Zeile: ä\n"
    store_text(project, "retrain/results/k1/e1/1-a", "again")
    assert read_text(project, "retrain/results/k1/e1/1-a") == "again"


def test_a_folder_keeps_entries(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(str(tmp_path / "store"))
    keeps_entries(project)
    written = sorted(path.name for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert written == ["1-a", "2-b", "3-c"]


def test_s3_keeps_entries(
    make_project: MakeProject, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in s3.environment().items():
        monkeypatch.setenv(key, value)
    s3.create_bucket("entries-bucket")
    keeps_entries(make_project("s3://entries-bucket/dvc"))


def test_a_remote_that_cannot_be_asked_has_no_entries_unless_the_run_writes_to_it(
    make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_MAX_ATTEMPTS"):
        monkeypatch.setenv(name, "1")
    project = make_project(str(tmp_path / "store"))
    store_text(project, "retrain/results/k/e/1", "kept")
    remotes = project.repo.config["remote"]
    remotes |= {
        "web": {"url": "http://127.0.0.1:9/data"},
        "gone": {"url": "s3://nothing", "endpointurl": "http://127.0.0.1:9"},
        "drive": {"url": "gdrive://folder"},
    }
    project.readers[:0] = ["web", "gone", "drive"]
    assert list_names(project, "retrain/results/k") == ["e/1"]
    assert read_text(project, "retrain/results/k/e/1") == "kept"
    project.writer = "gone"
    project.silent.clear()
    with pytest.raises(RunFailed) as caught:
        list_names(project, "retrain/results/k")
    assert caught.value.reason == "StoreUnreachable"
