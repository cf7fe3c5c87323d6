"""What an exception of a request to the tracking server, or of its artifact store, means."""

import re
from traceback import walk_tb
from urllib.parse import urlsplit

import requests
from mlflow.exceptions import MlflowException, RestException

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.patience import Away, Odd
from retrain_trainer.refusal import Refusal, causes, is_passing, local_refusal, refusal

_DENIED = ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED")
_UNREACHABLE = (
    "TEMPORARILY_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
)
_GONE = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
_OF_REFUSAL = {
    Refusal.DENIED: Reason.TRACKING_DENIED,
    Refusal.UNREACHABLE: Reason.TRACKING_UNREACHABLE,
    Refusal.ODD: Reason.TRACKING_UNREACHABLE,
    Refusal.MISSING: Reason.TRACKING_DENIED,
}
_NO_MLFLOW = "Check spec.mlflow.trackingURI: something else than an MLflow server answers there."
_RESTORE = "Restore it in MLflow, or start a new run."
_OF_ARTIFACTS = (
    "Check the artifact store of the tracking server, and the credentials for it: they are the"
    " server's, or, where clients go to the store themselves, those of spec.mlflow.secretRef."
)


def artifact_store(tracking_uri: str) -> str:
    """As messages call the one of a tracking server."""
    return f"the artifact store of {without_userinfo(tracking_uri)}"


def failure_of(error: Exception, tracking_uri: str) -> RunFailed | None:
    """The outcome of a request that was not carried out; None: it is no server's doing."""
    if isinstance(error, RunFailed):
        return error
    if isinstance(error, MlflowException):
        return tracking_failure(error, tracking_uri)
    uri = without_userinfo(tracking_uri)
    if (path := local_refusal(error)) is not None:
        return RunFailed(
            Reason.TRACKING_DENIED,
            f"{uri} keeps artifacts in {path}, which cannot be written or read from here",
            "Start `mlflow server` with --artifacts-destination, so that clients go through it.",
        )
    if (found := refusal(error)) is None:
        return None
    kind, cause = found
    store = artifact_store(tracking_uri)
    text = f"{store} {kind.value}: {_text(cause)[:300]}"
    if kind is Refusal.ODD:
        return Odd(_OF_REFUSAL[kind], text, _OF_ARTIFACTS, server=store)
    failure = Away if kind is Refusal.UNREACHABLE else RunFailed
    return failure(_OF_REFUSAL[kind], text, _OF_ARTIFACTS)


def tracking_failure(error: MlflowException, tracking_uri: str) -> RunFailed:
    """The outcome of a request that the tracking server did not carry out."""
    uri = without_userinfo(tracking_uri)
    text = _text(error)
    code = error.error_code
    answer = _answer(error)
    status = answer.status_code if answer is not None else _status(error)
    # MLflow puts what the HTTP client raised into a text, but it stays in the context.
    found = refusal(error)
    kind = found[0] if found else None
    if "Invalid Host header" in text:
        host = urlsplit(uri).netloc
        return RunFailed(
            Reason.TRACKING_DENIED,
            f"{uri} refuses the host name {host}: start `mlflow server` with"
            f" --allowed-hosts including {host}",
        )
    if "must be in the 'active' state" in text:
        message = f"the MLflow run of this training was deleted in {uri}"
        return RunFailed(Reason.TRACKING_DENIED, message, _RESTORE)
    # An answer that refuses is false.
    sent = answer.headers if answer is not None else {}
    headers = {name.lower(): value for name, value in sent.items()}
    passing = status is not None and is_passing(status, headers)
    if not passing and (code in _DENIED or status in (401, 403, 407, 413)):
        return RunFailed(Reason.TRACKING_DENIED, f"{uri} refuses us: {text[:300]}")
    if code in _UNREACHABLE or passing or kind is Refusal.UNREACHABLE:
        return Away(Reason.TRACKING_UNREACHABLE, f"{uri} cannot be reached: {_cause(text)}")
    if kind is Refusal.ODD:
        message = f"{uri} {kind.value}: {_cause(text)}"
        return Odd(Reason.TRACKING_UNREACHABLE, message, server=uri)
    if _is_no_mlflow(error, status):
        message = f"{uri} is no MLflow tracking server: {text[:300]}"
        return Odd(Reason.TRACKING_UNREACHABLE, message, _NO_MLFLOW, server=uri)
    if code in _GONE:
        message = f"{uri} does not have what the run needs: {text[:300]}"
        return RunFailed(Reason.TRACKING_DENIED, message, _RESTORE)
    return RunFailed(Reason.INTERNAL_ERROR, f"{uri}: {text[:500]}")


def unusable(error: Exception, tracking_uri: str) -> RunFailed:
    """The outcome of an address that no client can be made for."""
    uri = without_userinfo(tracking_uri)
    why = _text(error)[:300]
    if uri.startswith("file:") or (":" not in uri and uri != "databricks"):
        why = (
            "it is a folder, which MLflow has given up as a store: name a tracking server"
            " (http://HOST:PORT) or a database (sqlite:////PATH/mlflow.db)"
        )
    elif isinstance(error, ImportError):
        why = f"it needs a Python package that is not installed ({why})"
    return RunFailed(
        Reason.INVALID_SPEC,
        f"the tracking URI {uri} cannot be used: {why}",
        "Correct spec.mlflow.trackingURI, or MLFLOW_TRACKING_URI where the manifest names none.",
    )


def is_no_address(error: Exception) -> bool:
    """Whether the HTTP client could make nothing of the URL."""
    names = {kind.__name__ for cause in causes(error) for kind in type(cause).__mro__}
    return bool(names & {"InvalidURL", "InvalidSchema", "MissingSchema", "LocationParseError"})


def _is_no_mlflow(error: MlflowException, status: int | None) -> bool:
    if isinstance(error, RestException):
        return bool(error.json.get("error_code") != error.error_code)
    if status is not None and status != 200:
        return True
    return error.error_code == "ENDPOINT_NOT_FOUND" or "not in a valid JSON format" in str(error)


def _answer(error: MlflowException) -> requests.Response | None:
    """What the server has answered: MLflow keeps it only where it has looked at it."""
    found = None
    for frame, _ in walk_tb(error.__traceback__):
        if isinstance(response := frame.f_locals.get("response"), requests.Response):
            found = response
    return found


def _status(error: MlflowException) -> int | None:
    """Of an answer that is not MLflow's own, as its text has it."""
    match = re.match(r"API request to endpoint \S+ failed with error code (\d{3}) ", str(error))
    return int(match[1]) if match else None


def _text(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _cause(text: str) -> str:
    match = re.search(r"Caused by (.*)", text)
    return (match[1] if match else text)[:300]
