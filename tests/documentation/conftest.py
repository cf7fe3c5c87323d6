"""The repository as a reader gets it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from documentation.page import ROOT
from servers.git_repos import git_environment

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository of this work tree, committed or not."""
    folder = tmp_path_factory.mktemp("published") / "retrain"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        ["commit", "--quiet", "--message", "as published"],
    ):
        subprocess.run(["git", *command], cwd=folder, env=git_environment(), check=True)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has the tools and nothing else."""
    folder = tmp_path / "home"
    folder.mkdir()
    # A laptop has no proxy in the way of its own ports.
    return git_environment() | {"HOME": str(folder), "PATH": f"{BIN}:{os.environ['PATH']}"}
