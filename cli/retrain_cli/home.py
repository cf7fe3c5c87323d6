"""The folder `.retrain/` of a project: the only place that a local run writes to."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from retrain_cli.work_copy.project import HOME, WorkCopy, copy_project
from retrain_core.outcome import Reason, RunFailed


@dataclass(frozen=True)
class Home:
    """`.retrain/` of the project in ``source``."""

    source: Path
    shown: str
    """The source as the person would type it."""

    @classmethod
    def of(cls, source: Path) -> "Home":
        """The home of the project in ``source``, before the working directory changes."""
        folder = source.resolve()
        relative = os.path.relpath(folder)
        return cls(folder, str(folder) if relative.startswith("..") else relative)

    @property
    def folder(self) -> Path:
        return self.source / HOME

    @property
    def remote(self) -> Path:
        """The local DVC remote."""
        return self.folder / "remote"

    @property
    def tracking_uri(self) -> str:
        """The local MLflow store."""
        path = str(self.folder / "mlflow" / "mlflow.db")
        # With the driver named, MLflow does not also make a folder of the quoted path.
        return f"sqlite+pysqlite:///{quote(path)}" if self.has_odd_path else f"sqlite:///{path}"

    @property
    def has_odd_path(self) -> bool:
        """Whether the path means something else in a URL. Old versions of SQLAlchemy, which stages
        may have, do not know how that is written."""
        return bool(set("?%") & set(str(self.folder)))

    @property
    def smoke(self) -> Path:
        """What a smoke training leaves, until the next one."""
        return self.folder / "smoke"

    @property
    def artifacts(self) -> Path:
        """The artifacts of the local MLflow store."""
        return self.folder / "mlflow" / "artifacts"

    @property
    def pulled(self) -> Path:
        """What the last pull has written: SHA-256 by path, as JSON."""
        return self.folder / "pulled.json"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def create(self) -> None:
        try:
            for folder in (self.folder, self.logs, self.folder / "mlflow"):
                folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n")
        except OSError as error:
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"{self.folder} cannot be written to: {error.strerror}",
                "Make it writable, or train in a copy of the project that is.",
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time: they share the copy of the project.

        Raises:
            RunFailed: another run is going on.
        """
        self.create()
        with open(self.folder / "lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunFailed(
                    Reason.INVALID_SPEC,
                    f"another `retrain run` is going on in {self.source}",
                    "Wait for it to end.",
                ) from None
            yield

    def copy_project(self) -> WorkCopy:
        """The copy of the project that runs train in, brought up to date."""
        return copy_project(self.source, self.folder / "work", self.folder / "work.json")

    def copy_for_smoke(self) -> WorkCopy:
        """A fresh copy of the project, in a folder where nothing is kept."""
        shutil.rmtree(self.smoke, ignore_errors=True)
        return copy_project(self.source, self.smoke / "work", None)
