"""One registered model, as an MLflow server keeps it."""

import posixpath
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.partial_result import VersionContent
from retrain_trainer.registry.versions import DESCRIPTION, Model, Version
from retrain_trainer.tracking.client import ask, tracking_errors, values_of


class MLflowRegistry:
    """One registered model of an MLflow server."""

    def __init__(self, client: MlflowClient, tracking_uri: str, name: str) -> None:
        self._client = client
        self._uri = tracking_uri
        self.name = name

    def model(self) -> Model:
        """Its aliases and tags."""
        with tracking_errors(self._uri):
            found = self._client.get_registered_model(self.name)
        return Model(
            {alias: int(number) for alias, number in found.aliases.items()}, dict(found.tags)
        )

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

    def untag(self, number: int, keys: list[str]) -> None:
        with tracking_errors(self._uri):
            for key in keys:
                self._client.delete_model_version_tag(self.name, str(number), key)

    def tag_model(self, tags: dict[str, str]) -> None:
        with tracking_errors(self._uri):
            for key, value in tags.items():
                self._client.set_registered_model_tag(self.name, key, value)

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
            found = ask(
                self._client, lambda: list_artifacts(artifact_uri=place, tracking_uri=self._uri)
            )
            names = tuple(sorted(posixpath.basename(item.path) for item in found))
            if DESCRIPTION not in names:
                return VersionContent(names)
            with TemporaryDirectory() as folder:
                described = self._download(f"{place}/{DESCRIPTION}", folder)
                flavors = yaml.safe_load(Path(described).read_text()).get("flavors", {})
            return VersionContent(names, pyfunc="python_function" in flavors)

    def _download(self, place: str, folder: str) -> str:
        return ask(
            self._client,
            lambda: str(download_artifacts(place, dst_path=folder, tracking_uri=self._uri)),
        )

    def create_again(self, number: int, tags: dict[str, str]) -> Version:
        """A version with the files of another."""
        with tracking_errors(self._uri):
            other = self._client.get_model_version(self.name, str(number))
            made = self._client.create_model_version(
                self.name, str(other.source), run_id=other.run_id, tags=dict(tags)
            )
        return _version(made)


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
