"""One team's repository, stores and pods, on real servers."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from servers.git_https import GitHttpsServer
from servers.git_repos import BareRepository
from servers.mlflow_server import MlflowServer
from servers.s3 import S3Server
from support.pods import Pods
from support.toy import toy_spec


@dataclass
class World:
    """One team's repository, bucket, tracking server and the pods that train for it."""

    name: str
    folder: Path
    repository: BareRepository
    git: GitHttpsServer
    s3: S3Server
    mlflow: MlflowServer

    @property
    def bucket(self) -> str:
        return self.name

    @property
    def log(self) -> Path:
        """Where the stages of the toy project tell that they ran."""
        return self.folder / "ran.log"

    def ran(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []

    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.mlflow.uri, registry_uri=self.mlflow.uri)

    def spec(self, **parts: Any) -> dict[str, Any]:
        spec = toy_spec(
            source={"git": {"url": self.git.url(self.name), "secretRef": {"name": "git"}}},
            mlflow={"trackingURI": self.mlflow.uri},
            dvc={"remote": {"url": f"s3://{self.bucket}/dvc", "endpointURL": self.s3.endpoint}},
            model={"name": self.name, "promotion": {"metric": "score"}},
        )
        for key, value in parts.items():
            old = spec.get(key)
            spec[key] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
        return spec

    def pods(self, spec: dict[str, Any] | None = None, **environment: str) -> Pods:
        folder = self.folder / f"job-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        return Pods(
            folder,
            spec or self.spec(),
            environment={"GIT_SSL_CAINFO": str(self.git.ca_file)},
            train_environment={"TOY_LOG": str(self.log), **self.s3.environment(), **environment},
            git_secret={"username": self.git.user or "", "password": self.git.password or ""},
        )
