"""A client of the tracking server, and what its refusals mean."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient as MlflowClient
from mlflow.exceptions import MlflowException

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.tracking.experiments import artifact_root

_ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
"""Where a client that opens a database itself keeps the artifacts of new experiments."""
_NO_STORE = ("unsupported URI", "Invalid url", "Databricks credential configuration failed")
_IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def tracking_address(uri: str) -> str:
    """``uri`` without credentials: those move to the variables that MLflow reads them from.

    MLflow prints the address of a run when it ends, and stages' code prints it too.
    """
    parts = urlsplit(uri)
    if parts.username is None or not parts.scheme.startswith("http"):
        return uri
    os.environ.setdefault("MLFLOW_TRACKING_USERNAME", unquote(parts.username))
    os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", unquote(parts.password or ""))
    clean = without_userinfo(uri)
    os.environ["MLFLOW_TRACKING_URI"] = clean
    return clean


def connect(tracking_uri: str) -> MlflowClient:
    """A client, after the server has answered for runs and for models.

    Raises:
        RunFailed: InvalidSpec, TrackingDenied or TrackingUnreachable.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    if root := artifact_root(tracking_uri):
        # Else MLflow keeps artifacts in ./mlruns: of the user's tree, or of the copy for a stage.
        os.environ[_ARTIFACT_ROOT] = root
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with tracking_errors(tracking_uri), _impatient(), _drivers():
        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)
    return client


@contextmanager
def tracking_errors(tracking_uri: str) -> Iterator[None]:
    """Turn MLflow's exceptions into outcomes."""
    try:
        yield
    except MlflowException as error:
        raise tracking_failure(error, tracking_uri) from error


def tracking_failure(error: MlflowException, tracking_uri: str) -> RunFailed:
    """The outcome of a request that the tracking server did not carry out."""
    uri = without_userinfo(tracking_uri)
    text = " ".join(str(error).split())
    code = getattr(error, "error_code", "")
    status = re.search(r"error code (\d{3})|\b(401|403|404|5\d\d) ", text)
    number = next((group for group in status.groups() if group), "") if status else ""
    if "Invalid Host header" in text:
        host = re.sub(r"^\w+://([^/]+).*", r"\1", uri)
        return RunFailed(
            Reason.TRACKING_DENIED,
            f"{uri} refuses the host name {host}: start `mlflow server` with"
            f" --allowed-hosts including {host}",
        )
    if "must be in the 'active' state" in text:
        return RunFailed(
            Reason.TRACKING_DENIED, f"the MLflow run of this training was deleted in {uri}"
        )
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED") or number in ("401", "403"):
        return RunFailed(Reason.TRACKING_DENIED, f"{uri} refuses us: {text[:300]}")
    if "filesystem tracking backend" in text:
        return RunFailed(
            Reason.INVALID_SPEC,
            f"spec.mlflow.trackingURI: {uri} is a folder, which MLflow no longer takes as a store:"
            " name a tracking server",
        )
    if number in ("404", "405") or code == "ENDPOINT_NOT_FOUND":
        return RunFailed(
            Reason.TRACKING_UNREACHABLE, f"{uri} is no MLflow tracking server: {text[:300]}"
        )
    if "failed with exception" in text or "Max retries" in text or number.startswith("5"):
        return RunFailed(Reason.TRACKING_UNREACHABLE, f"{uri} cannot be reached: {_cause(text)}")
    if (
        any(said in text for said in _NO_STORE)
        or "UnsupportedModelRegistryStoreURI" in type(error).__name__
    ):
        return RunFailed(Reason.INVALID_SPEC, f"spec.mlflow.trackingURI: {text[:300]}")
    return RunFailed(Reason.INTERNAL_ERROR, f"{uri}: {text[:500]}")


@contextmanager
def _drivers() -> Iterator[None]:
    """A database that MLflow opens by itself needs a package for it."""
    try:
        yield
    except ImportError as error:
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"the MLflow tracking URI needs a package that is not here: {error}",
        ) from error


def _cause(text: str) -> str:
    match = re.search(r"Caused by (.*)", text)
    return (match[1] if match else text)[:300]


@contextmanager
def _impatient() -> Iterator[None]:
    """Two tries instead of four minutes of them; what the person has set stays."""
    added = {name: value for name, value in _IMPATIENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
