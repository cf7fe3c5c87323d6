"""The images as a cluster gets them, and what is found inside."""

import json
import re
from importlib.metadata import version

import pytest

from images.archive import Archive
from images.container import Container
from images.fixtures import Images

USER = "65532:65532"


def test_the_operator_image_starts_the_operator(images: Images) -> None:
    archive = Archive(images.operator)
    assert archive.name == f"ghcr.io/retrain-dev/retrain-operator:{version('retrain-k8s')}"
    assert archive.config["User"] == USER
    assert archive.config["Entrypoint"] == [
        *("/opt/operator/bin/python", "-P", "-m", "retrain_operator")
    ]
    assert archive.environment["PATH"] == "/opt/operator/bin:/usr/local/bin:/usr/bin:/bin"


def test_the_trainer_image_has_the_users_python_first_and_starts_nothing(images: Images) -> None:
    archive = Archive(images.trainer)
    assert archive.name == f"ghcr.io/retrain-dev/retrain-trainer:{version('retrain-k8s')}"
    assert archive.config["User"] == USER
    assert "Entrypoint" not in archive.config
    assert archive.environment["PATH"] == "/opt/user/bin:/usr/local/bin:/usr/bin:/bin"


@pytest.mark.parametrize("name", ["operator", "trainer"])
def test_nothing_of_the_build_is_left_in_an_image(name: str, images: Images) -> None:
    archive = Archive(getattr(images, name))
    assert set(archive.environment) <= {
        *("PATH", "HOME", "LANG", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"),
        *(
            "PYTHONUNBUFFERED",
            "DVC_NO_ANALYTICS",
            "MLFLOW_DISABLE_TELEMETRY",
            "UV_PYTHON_DOWNLOADS",
        ),
    }
    assert not re.search(r"(?i)proxy|SSL_CERT|://[^/ ]*@", json.dumps(archive.history))


@pytest.mark.parametrize(("name", "megabytes"), [("operator", 200), ("trainer", 500)])
def test_images_stay_small(name: str, megabytes: int, images: Images) -> None:
    assert Archive(getattr(images, name)).size < megabytes * 2**20


def test_the_trainer_starts(trainer: Container) -> None:
    shown = trainer.output("/opt/trainer/bin/python", "-P", "-m", "retrain_trainer", "--help")
    assert "source|train" in shown


def test_the_operator_starts(operator: Container) -> None:
    command = ("/opt/operator/bin/python", "-P", "-m", "retrain_operator", "--help")
    assert "--config" in operator.output(*command)


def test_the_users_python_has_what_stages_import(trainer: Container) -> None:
    code = (
        "import sklearn, pandas, joblib, mlflow, pyarrow, sys; print(sys.prefix, mlflow.__file__)"
    )
    prefix, file = trainer.output("python", "-c", code).split()
    assert prefix == "/opt/user"
    assert file.startswith("/opt/user/lib/")


def test_neither_environment_sees_the_other(trainer: Container) -> None:
    looked_for = (
        "import importlib.util as u; print([bool(u.find_spec(n)) for n in ('dvc', 'sklearn')])"
    )
    assert trainer.output("python", "-c", looked_for) == "[False, True]"
    assert trainer.output("/opt/trainer/bin/python", "-c", looked_for) == "[True, False]"
    assert (
        trainer.output("python", "-c", "import sys; print('retrain_core' in sys.modules)")
        == "False"
    )


@pytest.mark.parametrize("name", ["operator", "trainer"])
def test_the_user_has_a_name_and_no_rights(name: str, request: pytest.FixtureRequest) -> None:
    container: Container = request.getfixturevalue(name)
    assert container.output("id") == "uid=65532(retrain) gid=65532(retrain) groups=65532(retrain)"
    python = "import getpass, pathlib; print(getpass.getuser(), pathlib.Path.home())"
    assert container.output("python", "-c", python) == "retrain /tmp"
    special = container.output("find", "/opt", "-perm", "/6022", "!", "-type", "l")
    assert special == ""


def test_nothing_but_workspace_and_tmp_can_be_written_to(trainer: Container) -> None:
    code = (
        "import os; print(*[os.access(p, os.W_OK) for p in ('/', '/opt/user', '/etc', '/var/tmp')])"
    )
    assert trainer.output("python", "-c", code) == "False False False False"
    written = trainer.output("sh", "-c", "touch /tmp/a /workspace/a && ls /tmp/a /workspace/a")
    assert written.split() == ["/tmp/a", "/workspace/a"]


def test_the_trainer_has_the_programs_that_it_calls(trainer: Container) -> None:
    assert trainer.output("git", "--version").startswith("git version 2.")
    assert trainer.output("git", "lfs", "version").startswith("git-lfs/3.")
    assert "OpenSSH" in trainer.run("ssh", "-V").stderr
    assert trainer.output("/opt/trainer/bin/uv", "--version").startswith("uv ")
    # Of another owner, as on a mounted claim.
    assert trainer.output("git", "config", "--system", "safe.directory") == "*"


def test_imports_find_their_bytecode(trainer: Container, operator: Container) -> None:
    ours = trainer.run("/opt/trainer/bin/python", "-v", "-P", "-c", "import retrain_trainer.steps")
    users = trainer.run("python", "-v", "-c", "import sklearn, pandas, mlflow")
    operators = operator.run("python", "-v", "-P", "-c", "import retrain_operator, kopf, aiohttp")
    for done in (ours, users, operators):
        assert done.returncode == 0, done.stderr
        compiled = re.findall(r"^# code object from '?(/opt/.*?\.py)'?$", done.stderr, re.M)
        assert compiled == []
        assert ".pyc matches /opt/" in done.stderr
