"""An environment's identity is what is installed, whichever files say so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from retrain_trainer import environment, installation
from retrain_trainer.environment import PythonEnvironment
from retrain_trainer.requirements import included_files
from servers.git_repos import git_environment
from support.wheels import make_package, make_wheel


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository beside the only place that packages are found in, which has alpha twice."""
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    for version in ("1.0", "2.0"):
        make_wheel(tmp_path / "wheels", "alpha", version)
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", str(folder)], env=git_environment(), check=True)
    (folder / ".gitignore").write_text("data.csv\n")
    return folder


def install(project: Path, requirements: str = "requirements.txt") -> PythonEnvironment:
    return installation.install(project, requirements, project.parent / "state", (project,))


def imported(python: PythonEnvironment, code: str) -> str:
    command = [python.executable, "-c", f"import local; print({code})"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("text", "included"),
    [
        ("-r base.txt\nalpha\n", ["base.txt", "b/deep.txt"]),
        ("--requirement=base.txt  # ours\n", ["base.txt", "b/deep.txt"]),
        ("alpha \\\n  --hash=x\n-cbase.txt\n", ["base.txt", "b/deep.txt"]),
        ("--constraint base.txt\n-r https://localhost/x.txt\n", ["base.txt", "b/deep.txt"]),
        ("-r ${NAME}.txt\n# -r other.txt\n", ["base.txt", "b/deep.txt"]),
        ("-r missing.txt\n-r requirements.txt\n", ["missing.txt"]),
        ("--find-links b\nalpha\n", ["b/x-1-py3-none-any.whl"]),
        ("alpha-c==1\nbeta[r]\n", []),
    ],
)
def test_requirements_are_all_files_that_they_include(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, included: list[str]
) -> None:
    monkeypatch.setenv("NAME", "base")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x-1-py3-none-any.whl").touch()
    (tmp_path / "b" / "deep.txt").touch()
    (tmp_path / "base.txt").write_text("-r b/deep.txt\n")
    (tmp_path / "requirements.txt").write_text(text)
    found = included_files(tmp_path / "requirements.txt")
    assert [str(path.relative_to(tmp_path)) for path in found[1:]] == included


def test_a_pin_that_is_raised_in_an_included_file_is_installed(project: Path) -> None:
    (project / "requirements.txt").write_text("-r base.txt\n")
    (project / "base.txt").write_text("alpha==1.0\n")
    first = install(project)
    (project / "base.txt").write_text("alpha==2.0\n")
    second = install(project)
    assert (first.packages["alpha"], second.packages["alpha"]) == ("1.0", "2.0")
    assert second.digest != first.digest


@pytest.mark.parametrize("requirements", ["requirements.txt", "pyproject.toml"])
def test_what_a_local_package_comes_to_need_is_installed(project: Path, requirements: str) -> None:
    (project / "requirements.txt").write_text("-e .\n")
    make_package(project, "local", requires=["alpha==1.0"])
    first = install(project, requirements)
    make_package(project, "local", requires=["alpha==2.0"])
    second = install(project, requirements)
    assert (first.packages["alpha"], second.packages["alpha"]) == ("1.0", "2.0")
    assert second.digest != first.digest


def test_the_code_of_a_local_package_is_part_of_the_environment(project: Path) -> None:
    make_package(project / "lib", "local")
    (project / "requirements.txt").write_text("./lib\n")
    first = install(project)
    shutil.rmtree(project.parent / "state")
    shutil.rmtree(project.parent / "cache")
    assert install(project).digest == first.digest

    (project / "lib" / "local.py").write_text("VALUE = 2\n")
    second = install(project)
    assert (imported(second, "local.VALUE"), second.packages) == ("2", first.packages)
    assert second.digest != first.digest


def test_the_content_of_a_local_wheel_is_part_of_the_environment(project: Path) -> None:
    wheel = make_wheel(project, "local", "1.0")
    (project / "requirements.txt").write_text(f"./{wheel.name}\n")
    first = install(project)
    make_wheel(project, "local", "1.0", script=True)
    assert install(project).digest != first.digest


def test_the_code_of_an_editable_package_in_the_repository_is_its_stages_affair(
    project: Path,
) -> None:
    make_package(project / "lib", "local", "1.0")
    (project / "requirements.txt").write_text("-e lib\n")
    first = install(project)
    (project / "lib" / "local.py").write_text("VALUE = 2\n")
    make_package(project / "lib2", "local", "1.1")
    shutil.copy(project / "lib2" / "pyproject.toml", project / "lib" / "pyproject.toml")
    second = install(project)
    assert imported(second, "local.VALUE") == "2"
    assert second.packages["local"] == "1.1"
    assert second.digest == first.digest


def test_the_code_of_an_editable_package_elsewhere_is_part_of_the_environment(
    project: Path, tmp_path: Path
) -> None:
    make_package(tmp_path / "elsewhere", "local")
    (project / "requirements.txt").write_text("-e ../elsewhere\n")
    first = install(project)
    (tmp_path / "elsewhere" / "local.py").write_text("VALUE = 2\n")
    assert install(project).digest != first.digest


def test_nothing_is_installed_again_for_what_no_package_is_made_from(project: Path) -> None:
    make_package(project, "local")
    (project / "requirements.txt").write_text(".\n")
    first = install(project)
    mark = Path(first.prefix) / "mark"
    mark.touch()
    (project / "data.csv").write_text("ignored by git\n")
    assert install(project) == first
    assert mark.exists()


def test_local_paths_are_meant_from_the_projects_folder(project: Path) -> None:
    make_package(project / "lib", "local")
    (project / "envs").mkdir()
    (project / "envs" / "train.txt").write_text("-r base.txt\n./lib\n")
    (project / "envs" / "base.txt").write_text("alpha==1.0\n")
    assert install(project, "envs/train.txt").packages == {"alpha": "1.0", "local": "1.0"}


def test_an_environment_is_activated_as_a_person_would(project: Path) -> None:
    (project / "requirements.txt").write_text("alpha\n")
    python = install(project)
    variables = python.variables
    assert variables["VIRTUAL_ENV"] == str(Path(python.bin).parent)
    assert variables["PATH"].split(":")[0] == f"{variables['VIRTUAL_ENV']}/bin"
    base = environment.inspect(os.path.realpath(sys.executable))
    assert set(base.variables) == {"PATH"}
