"""Registered versions and their tags: everything later runs need to know of a version."""

import json
import posixpath
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import yaml
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.progress import VersionContent
from retrain_trainer.tracking.client import tracking_errors, values_of

PREFIX = "retrain.dev"
JOB_UID = f"{PREFIX}/job-uid"
COMMIT = f"{PREFIX}/commit"
LOCK_MD5 = f"{PREFIX}/dvc-lock-md5"
REMOTE = f"{PREFIX}/dvc-remote"
ENVIRONMENT = f"{PREFIX}/environment"
EVALUATION_DATA = f"{PREFIX}/evaluation-data"
METRICS = f"{PREFIX}/metrics"
MODEL_PATH = f"{PREFIX}/model-path"
RELEASE = f"{PREFIX}/release"
DECISION = f"{PREFIX}/promotion"
DECISION_MESSAGE = f"{PREFIX}/promotion-message"
PROMOTED = f"{PREFIX}/promoted"
CHAMPION_METRIC = f"{PREFIX}/champion-metric"
CANDIDATE_METRIC = f"{PREFIX}/candidate-metric"
PREVIOUS = f"{PREFIX}/previous-version"
DESCRIPTION = "MLmodel"
"""The file that makes a folder a model of MLflow's."""


@dataclass(frozen=True)
class Version:
    """A registered version."""

    number: int
    run_id: str | None
    tags: dict[str, str]

    @property
    def decided(self) -> bool:
        """Whether its promotion has been decided. Versions made by others never are open."""
        return DECISION in self.tags or JOB_UID not in self.tags

    @property
    def lock_md5(self) -> str | None:
        return self.tags.get(LOCK_MD5)

    @property
    def environment(self) -> str | None:
        """Digest of the environment that it was trained in."""
        return self.tags.get(ENVIRONMENT)

    @property
    def promoted(self) -> bool:
        return self.tags.get(PROMOTED) == "true"

    def metric(self, name: str) -> float | None:
        """Its recorded value of a metric, if it has one."""
        return self.metrics.get(name)

    @property
    def metrics(self) -> dict[str, float]:
        """Its recorded metrics; anybody may write tags, so what makes no sense is left out."""
        try:
            content = json.loads(self.tags.get(METRICS, "{}"))
            return {
                key: float(value)
                for key, value in content.items()
                if isinstance(value, (int, float))
            }
        except (ValueError, AttributeError, ArithmeticError):
            return {}


class Registry(Protocol):
    """What promotion needs of a registry."""

    def versions(self) -> list[Version]: ...

    def holder(self, alias: str) -> int | None: ...

    def set_alias(self, alias: str, number: int) -> None: ...

    def tag(self, number: int, tags: dict[str, str]) -> None: ...


class MLflowRegistry:
    """One registered model of an MLflow server."""

    def __init__(self, client: MlflowClient, tracking_uri: str, name: str) -> None:
        self._client = client
        self._uri = tracking_uri
        self.name = name

    def versions(self) -> list[Version]:
        """Every version, oldest first."""
        found: list[Version] = []
        token: str | None = None
        with tracking_errors(self._uri):
            while True:
                page = self._client.search_model_versions(
                    f"name={_quoted(self.name)}", max_results=1000, page_token=token
                )
                found.extend(_version(item) for item in page)
                token = page.token
                if not token:
                    return sorted(found, key=lambda version: version.number)

    def get(self, number: int) -> Version:
        with tracking_errors(self._uri):
            return _version(self._client.get_model_version(self.name, str(number)))

    def holder(self, alias: str) -> int | None:
        """The version that holds ``alias``."""
        try:
            return int(self._client.get_model_version_by_alias(self.name, alias).version)
        except MlflowException as error:
            # A missing alias is INVALID_PARAMETER_VALUE, a missing model RESOURCE_DOES_NOT_EXIST.
            if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
                return None
            with tracking_errors(self._uri):
                raise

    def set_alias(self, alias: str, number: int) -> None:
        with tracking_errors(self._uri):
            try:
                self._client.set_registered_model_alias(self.name, alias, str(number))
            except MlflowException as error:
                # Two first champions at once: the row that the other has just inserted.
                if "UNIQUE constraint" not in str(error):
                    raise
                self._client.set_registered_model_alias(self.name, alias, str(number))

    def tag(self, number: int, tags: dict[str, str]) -> None:
        with tracking_errors(self._uri):
            for key, value in tags.items():
                self._client.set_model_version_tag(self.name, str(number), key, value)

    def ensure(self) -> None:
        """Create the registered model if there is none."""
        with tracking_errors(self._uri):
            try:
                with values_of("spec.model.name"):
                    self._client.create_registered_model(self.name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise

    def create(self, source: str, run_id: str, tags: dict[str, str]) -> Version:
        with tracking_errors(self._uri):
            made = self._client.create_model_version(
                self.name, source, run_id=run_id, tags=dict(tags)
            )
        return _version(made)

    def content(self, number: int) -> VersionContent:
        """What is in a version, without its files."""
        with tracking_errors(self._uri):
            place = self._client.get_model_version_download_uri(self.name, str(number))
            found = list_artifacts(artifact_uri=place, tracking_uri=self._uri)
            names = tuple(sorted(posixpath.basename(item.path) for item in found))
            if DESCRIPTION not in names:
                return VersionContent(names)
            with TemporaryDirectory() as folder:
                described = download_artifacts(
                    f"{place}/{DESCRIPTION}", dst_path=folder, tracking_uri=self._uri
                )
                flavors = yaml.safe_load(Path(described).read_text()).get("flavors", {})
            return VersionContent(names, pyfunc="python_function" in flavors)

    def download(self, number: int, folder: Path) -> Path:
        """The files of a version."""
        with tracking_errors(self._uri):
            folder.mkdir(parents=True, exist_ok=True)
            # A models:/ address would be looked up in whatever registry is the global one.
            uri = self._client.get_model_version_download_uri(self.name, str(number))
            return Path(download_artifacts(uri, dst_path=str(folder), tracking_uri=self._uri))


def _quoted(name: str) -> str:
    """``name`` in a filter of MLflow, which knows both quotes and no way to escape them."""
    if "'" not in name:
        return f"'{name}'"
    if '"' in name:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.model.name: MLflow cannot look for {name}, which has both kinds of quotes",
        )
    return f'"{name}"'


def _version(item: ModelVersion) -> Version:
    return Version(int(item.version), item.run_id or None, dict(item.tags))
