"""The program as it is called."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from retrain_cli.main import main

CALL = "import sys; sys.argv[0] = {name!r}; from retrain_cli.main import main; main()"


@pytest.mark.parametrize(
    ("name", "shown"),
    [("/usr/bin/retrain", "retrain"), ("/usr/bin/kubectl-retrain", "kubectl retrain")],
)
def test_it_goes_by_the_name_it_was_called_by(name: str, shown: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", CALL.format(name=name), "submit", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"Usage: {shown} submit [OPTIONS]")


@pytest.mark.parametrize(
    "options", [["--name", "a", "--generate-name"], ["--timeout", "1"], ["--cancel-on-interrupt"]]
)
def test_options_that_say_nothing_together_are_refused(options: list[str]) -> None:
    done = CliRunner().invoke(main, ["submit", "-f", "run.yaml", *options])
    assert done.exit_code == 2
    assert "Error: --" in done.output


def test_kubectl_finds_it_as_a_plugin() -> None:
    assert (Path(sys.executable).parent / "kubectl-retrain").exists()


def test_help_imports_no_client_of_kubernetes_and_no_trainer() -> None:
    code = (
        "import sys; from retrain_cli.main import main; main(['--help'], standalone_mode=False);"
        "sys.exit(bool({'kubernetes', 'mlflow', 'dvc', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=True)
