"""Worlds on the servers of the session."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from servers.git_https import GitHttpsServer
from servers.git_repos import BareRepository
from servers.mlflow_server import MlflowServer
from servers.s3 import S3Server
from support.cloning import Cloning
from support.toy import toy_files
from support.world import World


@pytest.fixture
def make_world(
    tmp_path: Path,
    git_root: Path,
    git_https: GitHttpsServer,
    s3: S3Server,
    mlflow_server: MlflowServer,
) -> Callable[..., World]:
    def make(files: dict[str, str] | None = None) -> World:
        name = f"toy-{uuid.uuid4().hex[:8]}"
        repository = BareRepository.create(git_root / f"{name}.git", files or toy_files())
        s3.create_bucket(name)
        folder = tmp_path / name
        folder.mkdir()
        return World(name, folder, repository, git_https, s3, mlflow_server)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def cloning(tmp_path: Path, git_https: GitHttpsServer, monkeypatch: pytest.MonkeyPatch) -> Cloning:
    monkeypatch.setenv("GIT_SSL_CAINFO", str(git_https.ca_file))
    return Cloning(tmp_path, git_https)
