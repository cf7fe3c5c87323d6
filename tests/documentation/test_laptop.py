"""The quickstart on a laptop, typed as it stands there."""

import sys
from pathlib import Path

import pytest

from documentation.page import steps
from documentation.reader import SECONDS, Reader, served
from servers.process import free_port


@pytest.mark.timeout(SECONDS)
def test_the_quickstart_trains_a_champion_and_brings_a_version_back(
    published: Path, home: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    reader = Reader(
        tmp_path,
        home,
        {
            "https://github.com/retrain-dev/retrain.git": f"file://{published}",
            # Retrain is installed already, in the environment of this test.
            "python3 -m venv .venv": f"ln -s {sys.prefix} .venv",
            'pip install ".[local]"': "retrain --version",
            "retrain ui": served(f"http://127.0.0.1:{port}/health", f"retrain ui --port {port}"),
        },
    )
    told = reader.does(steps("quickstart.md", "On a laptop"))
    assert reader.unused() == set()
    assert "version 1 of iris is the champion" in told
    assert "version 2 of iris is the champion" in told
    assert "SmokePassed" in told
    assert (tmp_path / "retrain/examples/iris/models/model.joblib").is_file()


@pytest.mark.timeout(SECONDS)
def test_a_script_becomes_a_project_that_is_trained(home: dict[str, str], tmp_path: Path) -> None:
    told = Reader(tmp_path, home).does(steps("project.md", "A first project"))
    assert "version 1 of churn is the champion" in told
