"""The environment of spec.python.requirements: what is in it, and where it is had from."""

import functools
import http.server
import os
import shutil
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer import environment, installation
from retrain_trainer.environment import PythonEnvironment
from retrain_trainer.package_index import index_away
from retrain_trainer.patience import Patience
from servers.gate import gate
from support.wheels import make_wheel

UV = str(Path(sys.executable).parent / "uv")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that packages are found in."""
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "wheels"


@pytest.fixture
def user(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's environment, as an image has it: alpha, and beta, which needs it."""
    make_wheel(wheels, "alpha", "1.0", script=True)
    make_wheel(wheels, "beta", "1.0", requires=["alpha"], script=True)
    folder = tmp_path / "user"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    install = [UV, "pip", "install", "--quiet", "--python", str(folder), "beta"]
    subprocess.run(install, check=True)
    for wheel in wheels.iterdir():
        wheel.unlink()
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")
    return folder


def install(folder: Path, *requirements: str) -> PythonEnvironment:
    file = folder / "requirements.txt"
    file.write_text("".join(f"{line}\n" for line in requirements))
    return installation.install(folder, file.name, folder / "state")


def run(python: PythonEnvironment, *command: str) -> str:
    path = {"PATH": python.search_path}
    found = shutil.which(command[0], path=python.search_path)
    assert found is not None, command
    return subprocess.run(
        [found, *command[1:]], env=path, capture_output=True, text=True, check=True
    ).stdout.strip()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_requirements_are_laid_over_what_the_image_has(
    tmp_path: Path, user: Path, wheels: Path
) -> None:
    make_wheel(wheels, "gamma", "3.0", requires=["beta>=1"], script=True)
    python = install(tmp_path, "gamma")
    assert python.packages == {"alpha": "1.0", "beta": "1.0", "gamma": "3.0"}
    code = "import alpha, beta, gamma; print(alpha.__file__, gamma.VERSION)"
    assert run(python, "python", "-c", code) == f"{next(user.rglob('alpha/__init__.py'))} 3.0"
    assert run(python, "say-gamma").startswith("3.0 ")


def test_a_requirement_wins_over_a_package_of_the_image(
    tmp_path: Path, user: Path, wheels: Path
) -> None:
    make_wheel(wheels, "alpha", "2.0", script=True)
    before = files(user)
    base = environment.inspect()
    python = install(tmp_path, "alpha==2.0")
    assert python.packages == {"alpha": "2.0", "beta": "1.0"}
    code = "import alpha, importlib.metadata as m; print(alpha.VERSION, m.version('alpha'))"
    assert run(python, "python", "-c", code) == "2.0 2.0"
    assert python.digest != base.digest
    changed = {path for path, text in files(user).items() if before.get(path) != text}
    assert {path for path in changed if not path.endswith(".pyc")} == set()


def test_programs_of_the_image_run_with_the_requirements(
    tmp_path: Path, user: Path, wheels: Path
) -> None:
    make_wheel(wheels, "beta", "2.0", requires=["alpha"], script=True)
    python = install(tmp_path, "beta==2.0")
    overlay = str(Path(python.bin).parent)
    assert run(python, "say-alpha") == f"1.0 {overlay}"
    assert run(python, "say-beta") == f"2.0 {overlay}"


def test_programs_run_where_folders_have_blanks_and_long_names(
    tmp_path: Path, user: Path, wheels: Path
) -> None:
    folder = tmp_path / ("a project " + "x" * 120)
    folder.mkdir()
    python = install(folder)
    assert run(python, "say-alpha") == f"1.0 {Path(python.bin).parent}"


def test_the_same_requirements_over_another_image_are_another_environment(
    tmp_path: Path, user: Path, wheels: Path
) -> None:
    make_wheel(wheels, "gamma", "3.0")
    first = install(tmp_path, "gamma")
    assert install(tmp_path, "gamma") == first
    make_wheel(wheels, "alpha", "1.5")
    upgrade = [UV, "pip", "install", "--quiet", "--python", str(user), "--upgrade", "alpha"]
    subprocess.run(upgrade, check=True)
    second = install(tmp_path, "gamma")
    assert second.packages == first.packages | {"alpha": "1.5"}
    assert second.digest != first.digest


def test_over_our_own_python_nothing_is_laid(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    make_wheel(wheels, "gamma", "3.0")
    assert install(tmp_path, "gamma").packages == {"gamma": "3.0"}


def test_what_is_installed_is_compiled_once(tmp_path: Path, user: Path, wheels: Path) -> None:
    make_wheel(wheels, "gamma", "3.0", script=True)
    python = install(tmp_path, "gamma")
    where = "import gamma, os; print(os.path.exists(gamma.__cached__))"
    assert run(python, "python", "-B", "-c", where) == "True"


def test_a_cache_on_another_file_system_is_used_all_the_same(
    tmp_path: Path, user: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path("/dev/shm") / f"retrain-{os.getpid()}"
    assert os.stat("/dev/shm").st_dev != os.stat(tmp_path).st_dev
    monkeypatch.setenv("UV_CACHE_DIR", str(other))
    make_wheel(wheels, "gamma", "3.0")
    try:
        assert install(tmp_path, "gamma").packages["gamma"] == "3.0"
        assert any(other.iterdir())
    finally:
        shutil.rmtree(other)


class Index(http.server.SimpleHTTPRequestHandler):
    """A package index for those who know the password: a folder with one per package."""

    credentials = "reader:canary-of-the-index"

    def do_GET(self) -> None:
        wanted = f"Basic {b64encode(self.credentials.encode()).decode()}"
        if self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def index(folder: Path) -> Iterator[str]:
    handler = functools.partial(Index, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"])
def test_an_index_is_named_as_uv_or_pip_have_it(
    name: str, tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.delenv("UV_OFFLINE")
    make_wheel(tmp_path / "served" / "simple" / "gamma", "gamma", "3.0")
    with index(tmp_path / "served") as address:
        monkeypatch.setenv(name, f"http://{Index.credentials}@{address}/simple")
        assert install(tmp_path, "gamma").packages["gamma"] == "3.0"

        with pytest.raises(RunFailed) as failed:
            install(tmp_path, "delta")
    assert failed.value.reason is Reason.ENVIRONMENT_FAILED
    assert "delta" in failed.value.message
    assert "canary" not in failed.value.message


def test_an_index_that_is_away_is_waited_for(
    tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_FIND_LINKS", "UV_OFFLINE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    make_wheel(tmp_path / "served" / "simple" / "gamma", "gamma", "3.0")
    told: list[str] = []
    with index(tmp_path / "served") as address, gate(f"http://{address}") as door:
        where = f"http://{Index.credentials}@127.0.0.1:{door.port}/simple"
        monkeypatch.setenv("UV_DEFAULT_INDEX", where)
        for away in (door.close, lambda: door.answer(503)):
            away()
            shutil.rmtree(tmp_path / "state", ignore_errors=True)
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)
            patience = Patience(60, told.append, wait=lambda _: door.open())
            made = patience.through(lambda: install(tmp_path, "gamma"))
            assert made.packages["gamma"] == "3.0"
    waits = f"the package index http://127.0.0.1:{door.port}/simple cannot be reached: "
    assert [line.startswith(waits) for line in told] == [True, False, True, False], told


@pytest.mark.parametrize(
    ("line", "variables", "away"),
    [
        ("--index-url {dead}", {}, True),
        ("-i {dead}", {"UV_INDEX_URL": "{alive}"}, False),
        ("--extra-index-url={dead}", {"UV_INDEX_URL": "{alive}"}, True),
        ("gamma", {"UV_INDEX_URL": "{alive}", "UV_INDEX": "own={dead}"}, True),
        ("gamma", {"UV_DEFAULT_INDEX": "{alive}"}, False),
        ("--no-index", {"UV_DEFAULT_INDEX": "{dead}"}, False),
        ("gamma", {"UV_DEFAULT_INDEX": "{dead}", "UV_OFFLINE": "1"}, False),
    ],
)
def test_the_indexes_that_uv_would_ask_are_looked_at(
    tmp_path: Path, line: str, variables: dict[str, str], away: bool
) -> None:
    """One that refuses us is there."""
    with index(tmp_path) as alive, gate("http://127.0.0.1:9") as dead:
        dead.close()
        urls = {"dead": f"{dead.url}/simple", "alive": f"http://{alive}/simple"}
        file = tmp_path / "requirements.txt"
        file.write_text(line.format(**urls))
        values = {name: value.format(**urls) for name, value in variables.items()}
        found = index_away([file], values)
    assert (found is not None) == away


def test_a_requirement_that_no_index_has_is_told_in_uvs_words(
    tmp_path: Path, user: Path, wheels: Path
) -> None:
    wheels.mkdir(exist_ok=True)
    with pytest.raises(RunFailed) as failed:
        install(tmp_path, "gamma==7")
    assert failed.value.reason is Reason.ENVIRONMENT_FAILED
    assert "gamma==7" in failed.value.message
