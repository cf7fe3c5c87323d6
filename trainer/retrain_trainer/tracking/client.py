"""A client of the tracking server, and what its refusals mean."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient as MlflowClient
from mlflow.exceptions import MlflowException

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.tracking.failure import failure_of, is_no_address, unusable
from retrain_trainer.tracking.locations import artifact_root

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

    Raises:
        RunFailed: InvalidSpec where it is no address.
    """
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise unusable(error, uri) from error
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
    with tracking_errors(tracking_uri), _impatient():
        try:
            client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
            client.search_experiments(max_results=1)
            client.search_registered_models(max_results=1)
        except (MlflowException, ImportError, OSError, ValueError) as error:
            http = isinstance(error, MlflowException) and tracking_uri.startswith("http")
            if http and not is_no_address(error):
                raise
            raise unusable(error, tracking_uri) from error
    return client


@contextmanager
def tracking_errors(tracking_uri: str) -> Iterator[None]:
    """Turn what MLflow and the clients of its artifact stores raise into outcomes."""
    try:
        yield
    except Exception as error:
        failure = failure_of(error, tracking_uri)
        if failure is None or failure is error:
            raise
        raise failure from error


@contextmanager
def values_of(field: str) -> Iterator[None]:
    """What MLflow refuses in the body is the value of this field of the spec."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        said = " ".join(str(error).split())[:300]
        raise RunFailed(Reason.INVALID_SPEC, f"{field}: MLflow refuses it: {said}") from error


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
