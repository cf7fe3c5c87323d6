"""What a person's shell has around `retrain`: other runs, other environments, other folders."""

from pathlib import Path

import pytest

from retrain_cli.home import Home
from retrain_cli.surroundings import activate, forget_other_runs, refuse_no_project
from retrain_core.outcome import Reason, RunFailed


def test_a_run_that_the_shell_is_in_is_none_of_ours() -> None:
    shell = {"MLFLOW_RUN_ID": "a", "MLFLOW_REGISTRY_URI": "http://x", "MLFLOW_TRACKING_TOKEN": "t"}
    forget_other_runs(shell)
    assert shell == {"MLFLOW_TRACKING_TOKEN": "t"}


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    for name in ("venv", "other"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin/python").touch()
    return tmp_path / "venv"


def test_called_by_its_path_it_uses_the_environment_that_it_is_in(venv: Path) -> None:
    shell = {"PATH": "/usr/bin"}
    found = activate(shell, [str(venv / "bin/retrain")], str(venv / "bin/python"))
    assert found == str(venv)
    assert shell == {"PATH": f"{venv}/bin:/usr/bin", "VIRTUAL_ENV": str(venv)}


CASES = {
    "it is active": {"PATH": "{venv}/bin:/usr/bin"},
    "another is active": {"PATH": "{other}/bin:/usr/bin", "VIRTUAL_ENV": "{other}"},
    "an environment of conda is active": {"PATH": "/usr/bin", "CONDA_DEFAULT_ENV": "churn"},
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_activated_counts(venv: Path, case: str) -> None:
    other = venv.parent / "other"
    shell = {key: value.format(venv=venv, other=other) for key, value in CASES[case].items()}
    before = dict(shell)
    assert activate(shell, [str(venv / "bin/retrain")], str(venv / "bin/python")) is None
    assert shell == before


def test_an_environment_made_for_the_program_alone_is_none_for_stages(venv: Path) -> None:
    shell = {"PATH": "/home/ann/.local/bin:/usr/bin"}
    called = ["/home/ann/.local/bin/retrain"]
    assert activate(shell, called, str(venv / "bin/python")) is None


def test_the_folder_of_a_manifest_that_is_no_project_is_told_and_left_as_it_is(
    tmp_path: Path,
) -> None:
    with pytest.raises(RunFailed) as caught:
        refuse_no_project(tmp_path, named=False)
    assert caught.value.reason is Reason.INVALID_PIPELINE
    assert str(tmp_path) in caught.value.message
    assert "--source" in caught.value.remedy
    assert "docs/project.md" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("git", "said"),
    [(None, "`dvc init` there after `git init`"), (".git", "there and"), ("../.git", "--subdir")],
)
def test_a_project_without_dvc_init_is_told_what_to_type(
    tmp_path: Path, git: str | None, said: str
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "dvc.yaml").touch()
    if git:
        (project / git).mkdir()
    with pytest.raises(RunFailed) as caught:
        refuse_no_project(project, named=True)
    assert said in caught.value.remedy
    assert "--source" not in caught.value.remedy


@pytest.mark.parametrize("name", ["plain", "C# (old)", "a?b", "100%done", "a%20b", "it's", "é"])
def test_the_local_store_lies_in_a_project_of_any_name(tmp_path: Path, name: str) -> None:
    from sqlalchemy.engine import make_url

    home = Home(tmp_path / name, ".")
    assert make_url(home.tracking_uri).database == str(home.folder / "mlflow/mlflow.db")
