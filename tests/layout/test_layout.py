"""The repository's own shape."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 300
"""What is written new stays below 250; this is where a module must be taken apart."""
PARTS = ["core", "trainer", "cli", "operator"]
MODULES = sorted(file for part in PARTS for file in (ROOT / part).rglob("*.py"))


def run_at_root(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["collections", "operator", "functools", "json", "enum"])
def test_the_standard_library_is_imported_from_the_repository_s_root(module: str) -> None:
    code = f"import {module}; print({module}.__file__)"
    done = run_at_root(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert not Path(done.stdout.strip()).is_relative_to(ROOT / module)
    assert Path(done.stdout.strip()).is_relative_to(Path(os.__file__).parent)


@pytest.mark.parametrize("part", PARTS)
def test_the_folder_of_a_part_is_no_package_itself(part: str) -> None:
    assert not (ROOT / part / "__init__.py").exists()


def test_there_are_modules_to_look_at() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in MODULES} >= {"core", "trainer", "cli"}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_can_be_read_at_one_sitting(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(file: Path) -> None:
    assert file.read_text().startswith('"""')


def test_a_commit_is_checked_for_types_as_make_lint_does() -> None:
    (code,) = re.findall(r"^CODE := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"mypy {code}\n" in (ROOT / ".pre-commit-config.yaml").read_text()
