"""A client of the tracking server, and what its refusals mean."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from mlflow import MlflowClient as MlflowClient
from mlflow.exceptions import MlflowException

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.patience import Answer, Away, Patience
from retrain_trainer.tracking.failure import artifact_store, failure_of, is_no_address, unusable
from retrain_trainer.tracking.locations import artifact_root

_ARTIFACT_ROOT = "_MLFLOW_SERVER_ARTIFACT_ROOT"
"""Where a client that opens a database itself keeps the artifacts of new experiments."""
_NO_STORE = ("unsupported URI", "Invalid url", "Databricks credential configuration failed")
_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_USUAL_TIMEOUT = 120
"""MLflow's own, in seconds; a large artifact takes that long on its way to a store."""
_IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    _TIMEOUT: "10",
}


def credentials_to_environment(uri: str) -> str:
    """Move the credentials of ``uri`` to the variables that MLflow reads; returns it without them.

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


class PatientClient:
    """An :class:`MlflowClient` whose requests wait while the server, or its store, is away.

    Those that make something new are sent once and never again: where their answer is lost, only
    whoever looks for what they have made knows whether they have.
    """

    _NEW = ("create_run", "create_model_version")
    _OF_FILES = (
        *("log_artifact", "log_artifacts", "log_text"),
        *("list_artifacts", "download_artifacts"),
    )

    def __init__(self, client: MlflowClient, tracking_uri: str, patience: Patience) -> None:
        self.inner = client
        self._uri = tracking_uri
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        request = getattr(self.inner, name)
        if not callable(request):
            return request

        server = artifact_store(self._uri) if name in self._OF_FILES else None

        def ask(*arguments: Any, **named: Any) -> Any:
            once = partial(request, *arguments, **named)
            return self._once(once, server) if name in self._NEW else self.ask(once, server)

        return ask

    def ask(self, request: Callable[[], Answer], server: str | None = None) -> Answer:
        """What ``request`` returns, which can be made again, as soon as it is answered.

        ``server``: which one answers, where it is not the tracking server.
        """
        return self._patience.through(lambda: self._once(request, server))

    def _once(self, request: Callable[[], Answer], server: str | None) -> Answer:
        try:
            with _variables(self._one_try()):
                answer = request()
            self._patience.answered.add(server or without_userinfo(self._uri))
            return answer
        except Exception as error:
            failure = failure_of(error, self._uri)
            if isinstance(failure, Away):
                raise failure from error
            raise

    def _one_try(self) -> dict[str, str]:
        longest = min(float(os.environ.get(_TIMEOUT, _USUAL_TIMEOUT)), self._patience.seconds)
        return {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", _TIMEOUT: str(max(1, round(longest)))}


def patient(client: MlflowClient, tracking_uri: str, patience: Patience) -> MlflowClient:
    """``client``, with ``patience``; with none it makes MLflow's own tries, which take minutes."""
    if isinstance(client, PatientClient):
        client = client.inner
    if patience.seconds <= 0:
        return client
    return cast(MlflowClient, PatientClient(client, tracking_uri, patience))


def ask(client: MlflowClient, request: Callable[[], Answer]) -> Answer:
    """What ``request`` returns, which asks the server of ``client`` by another way."""
    through = getattr(client, "ask", None)
    answer: Answer = through(request) if through else request()
    return answer


@contextmanager
def values_of(field: str) -> Iterator[None]:
    """What MLflow refuses in the body is the value of this field of the spec."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        message = " ".join(str(error).split())[:300]
        raise RunFailed(Reason.INVALID_SPEC, f"{field}: MLflow refuses it: {message}") from error


def _impatient() -> AbstractContextManager[None]:
    """Two tries instead of four minutes of them; what the person has set stays."""
    return _variables({name: os.environ.get(name, value) for name, value in _IMPATIENT.items()})


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Variables for MLflow, which reads them at each request; stages do not see them."""
    kept = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
