"""A stranger's project, small enough to be read in a minute, and `retrain run` on it.

Stages are lines of shell; each tells that it ran by a line in the file $RAN.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Laptop
from support.toy import write_files

Files = dict[str, str | None]
START = {"code.sh": "# what stages depend on that need something\n"}
GIT = {".dvc/config": "[core]\n    analytics = false\n", ".dvc/.gitignore": "/tmp\n/cache\n"}


@dataclass(frozen=True)
class Ended:
    """What one `retrain run` has come to."""

    code: int
    text: str
    """What it told the person."""
    status: dict[str, Any] = field(repr=False)
    ran: list[str]
    """The stages that ran, in order."""

    @property
    def reason(self) -> str:
        return str(self.status["conditions"][0]["reason"])

    @property
    def states(self) -> dict[str, str]:
        return {stage["name"]: stage["state"] for stage in self.status.get("stages", [])}

    @property
    def metrics(self) -> dict[str, float]:
        if self.code != 0:
            print(self.text)
        return {item["name"]: float(item["value"]) for item in self.status.get("metrics", [])}

    @property
    def model(self) -> dict[str, Any]:
        return dict(self.status["model"])


class Stranger:
    """A project, and what its team does with it."""

    def __init__(self, folder: Path, files: Files, spec: dict[str, Any], empty_store: Path) -> None:
        self.laptop = Laptop(folder / "project", folder / "ran.log", {"RAN": str(folder / "ran")})
        self.project = self.laptop.project
        self.spec = spec
        store = self.project / ".retrain" / "mlflow"
        store.mkdir(parents=True)
        (store.parent / ".gitignore").write_text("*\n")
        shutil.copy(empty_store, store / "mlflow.db")
        self.laptop.git("init", "--quiet", "--initial-branch=main")
        self.edit({**START, **GIT, **files})

    def edit(self, files: Files, *, commit: bool = True) -> None:
        """Change files (None: delete them), and commit."""
        write_files(self.project, {name: text for name, text in files.items() if text is not None})
        for name in (name for name, text in files.items() if text is None):
            (self.project / name).unlink()
        self.laptop.write(self.spec)
        if commit:
            self.laptop.commit()

    def respecify(self, **parts: Any) -> None:
        """Change top-level fields of the spec; None takes one out."""
        spec = self.spec | parts
        self.spec = {key: value for key, value in spec.items() if value is not None}
        self.edit({})

    def run(self, *arguments: str) -> Ended:
        log = Path(self.laptop.environment["RAN"])
        log.unlink(missing_ok=True)
        done = self.laptop.run("-o", "json", *arguments)
        content = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        ran = log.read_text().split() if log.exists() else []
        return Ended(done.returncode, done.stderr, content.get("status", {}), ran)

    def made(self, path: str) -> str:
        """What the last run has at ``path``."""
        folder = self.project / ".retrain" / "work"
        (found,) = [file for file in folder.rglob(path) if file.is_file()]
        return found.read_text()


def model(name: str = "m", metric: str | None = "score", **more: Any) -> dict[str, Any]:
    promotion = {"promotion": {"metric": metric}} if metric else {}
    return {"name": name, **promotion, **more}


def spec(**parts: Any) -> dict[str, Any]:
    """A run spec with a model whose metric is `score`."""
    start = {"source": {"git": {"url": "https://localhost/p.git"}}, "model": model()}
    return {key: value for key, value in (start | parts).items() if value is not None}


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs: making its tables takes a second each time."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    with sqlite3.connect(path) as database:
        database.execute("delete from experiments")
    return path


@pytest.fixture
def stranger(tmp_path: Path, empty_store: Path) -> Callable[..., Stranger]:
    def make(files: Files, **parts: Any) -> Stranger:
        return Stranger(tmp_path / "team", files, spec(**parts), empty_store)

    return make
