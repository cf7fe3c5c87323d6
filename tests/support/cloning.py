"""Clones repositories of a server of git as a pod does."""

import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import GitSource
from retrain_trainer.git_access import GitSecret
from retrain_trainer.git_clone import clone_commit
from servers.git_https import GitHttpsServer
from servers.git_repos import BareRepository, Gitlink, git_environment

Files = Mapping[str, "str | bytes | Gitlink | None"]


class Cloning:
    """Makes repositories on the server, and clones them as a pod does."""

    def __init__(self, folder: Path, server: GitHttpsServer) -> None:
        self.folder = folder
        self.server = server
        self.warnings: list[str] = []
        self.secret = folder / "secret"
        self.secret.mkdir()
        (self.secret / "username").write_text(server.user or "")
        (self.secret / "password").write_text(server.password or "")

    def repository(self, files: Files, name: str | None = None) -> BareRepository:
        name = name or f"clone-{uuid.uuid4().hex[:8]}"
        made = BareRepository.create(self.server.root / f"{name}.git", {"a.txt": "1\n"})
        made.allow_filter()
        made.commit(files)
        return made

    def url(self, repository: BareRepository) -> str:
        return self.server.url(repository.path.stem)

    def clone(
        self, repository: BareRepository, pinned: str | None = None, revision: str = "main"
    ) -> Path:
        target = self.folder / f"repository-{uuid.uuid4().hex[:8]}"
        git = {"url": self.url(repository), "revision": revision, "secretRef": {"name": "git"}}
        source = GitSource.model_validate(git)
        commit = clone_commit(source, target, GitSecret(self.secret), pinned, self.warnings.append)
        assert commit == ask(target, "rev-parse", "HEAD")
        assert not list((target / ".git").glob("hooks/*"))
        return target

    def refused(
        self,
        repository: BareRepository,
        reason: Reason,
        *words: str,
        pinned: str | None = None,
        revision: str = "main",
    ) -> str:
        with pytest.raises(RunFailed) as failed:
            self.clone(repository, pinned, revision)
        assert failed.value.reason is reason, failed.value.message
        for word in words:
            assert word in failed.value.message
        return failed.value.message


def ask(folder: Path, *command: str) -> str:
    """What git says in ``folder`` to a stage, which has no server and no credentials."""
    env = git_environment() | {"GIT_ALLOW_PROTOCOL": "none"}
    done = subprocess.run(
        ["git", *command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def modules(**urls: str) -> str:
    return "".join(
        f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in urls.items()
    )
