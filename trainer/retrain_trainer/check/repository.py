"""The repository at the head of its branch, fetched once for all looks."""

import os
import shutil
from functools import cached_property
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.check.context import CheckContext, Once
from retrain_trainer.execution import Execution
from retrain_trainer.git import fetch_commit, object_id
from retrain_trainer.pipeline.allowed_settings import fence
from retrain_trainer.pipeline.project import Project, enter_project

FETCH_SECONDS = 90
REPOSITORY = "repository"


def fetch_head(context: CheckContext) -> None:
    """Put the head of the branch into the scratch folder.

    Raises:
        RunFailed: it cannot be had.
    """
    git = context.run.source.git
    assert git is not None
    top = context.scratch / REPOSITORY
    shutil.rmtree(top, ignore_errors=True)
    context.report.note(f"fetches {git.revision} of {git.url}")
    share = context.budget.take() if context.budget else FETCH_SECONDS
    fetch_commit(git, top, context.access, seconds=min(share, FETCH_SECONDS))


class Repository:
    """The project's folder and its DVC project; both are made when they are first needed."""

    def __init__(self, context: CheckContext) -> None:
        self._context = context
        self._folder = Once(self._fetch)
        self._project = Once(self._open)
        self._ids: dict[str, str | None] = {}

    @property
    def folder(self) -> Path:
        """The project's folder.

        Raises:
            RunFailed: the source cannot be had.
        """
        return self._folder.get()

    @property
    def project(self) -> Project:
        """The DVC project in it.

        Raises:
            RunFailed: as for ``folder``, or InvalidPipeline.
        """
        return self._project.get()

    @property
    def in_git(self) -> bool:
        return self._context.run.source.git is not None

    def place(self, path: str) -> Path | None:
        """Where ``path`` is on the disk; None where it is not, or leads out of the repository."""
        found = (self.folder / path).resolve()
        return found if found.exists() and found.is_relative_to(self._top.resolve()) else None

    def git_id(self, path: str) -> str | None:
        """Git's id of ``path``; None where it is not in the commit."""
        if path not in self._ids:
            git = self._context.run.source.git
            assert git is not None
            self.folder  # noqa: B018 - fetched by now
            self._ids[path] = object_id(self._top, os.path.normpath(f"{git.path}/{path}"))
        return self._ids[path]

    @cached_property
    def _top(self) -> Path:
        return self._context.scratch / REPOSITORY if self.in_git else self.folder

    def _fetch(self) -> Path:
        source = self._context.run.source
        if source.git is not None:
            if isinstance(self._context.fetched, RunFailed):
                raise self._context.fetched
            if not self._context.fetched:
                fetch_head(self._context)
            if self._context.fenced:
                self._forget_links_out()
            return self._context.scratch / REPOSITORY / source.git.path
        assert source.image is not None
        folder = self._context.image_source or Path(source.image.path)
        if not folder.is_dir():
            raise RunFailed(
                Reason.SOURCE_NOT_FOUND,
                f"spec.source.image.path: the image has no folder {folder}",
            )
        return folder

    def _forget_links_out(self) -> None:
        """DVC would write beside what they lead to."""
        top = os.path.realpath(self._top)
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                leads_to = os.path.realpath(path)
                if os.path.islink(path) and os.path.commonpath([top, leads_to]) != top:
                    os.unlink(path)
                    shown = os.path.relpath(path, top)
                    self._context.report.warn(f"{shown}: left out, it links to {leads_to}")

    def _open(self) -> Project:
        if self._context.fenced and self.in_git:
            fence(self._context.report.warn)
        folder = self.folder
        if not self.in_git:
            # DVC writes beside what it reads, and an image's files are not ours.
            copy = self._context.scratch / REPOSITORY
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(folder, copy, symlinks=True)
            folder = copy
        execution = Execution(
            name="check",
            uid="check",
            spec=self._context.run,
            project=Path(os.path.abspath(folder)),
            state=self._context.scratch / "state",
            tracking_uri=self._context.tracking_uri or "",
            local=self._context.local,
        )
        return enter_project(execution)
