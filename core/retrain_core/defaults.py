"""The operator's defaults: what a manifest need not repeat."""

from typing import Any

from pydantic import ValidationError

from retrain_core.spec import TrainingRunSpec

Spec = dict[str, Any]
"""The spec of a TrainingRun in the API's form."""

_PLACEHOLDER = {"image": {"path": "/"}}
_OWN = ("source", "suspend", "cancel")
"""Fields that are each run's own."""


class DefaultsError(ValueError):
    """The defaults are no partial spec of a TrainingRun."""


def with_defaults(spec: Spec, defaults: Spec) -> Spec:
    """``spec`` with ``defaults`` where it says nothing; lists are replaced whole.

    Credentials go with the address they were given for: a run that names a store or a tracking
    server of its own inherits no secretRef for it. A cache is one thing or the other.
    """
    merged = _merged(spec, defaults)
    dvc = spec.get("dvc", {})
    remote = dvc.get("remote", {})
    if "url" in remote:
        merged["dvc"]["remote"] = remote
    elif "endpointURL" in remote and "secretRef" not in remote:
        merged["dvc"]["remote"].pop("secretRef", None)
    if "cache" in dvc:
        merged["dvc"]["cache"] = dvc["cache"]
    mlflow = spec.get("mlflow", {})
    if "trackingURI" in mlflow and "secretRef" not in mlflow:
        merged["mlflow"].pop("secretRef", None)
    return merged


def _merged(over: Spec, under: Spec) -> Spec:
    merged = dict(under)
    for key, value in over.items():
        below = under.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            value = _merged(value, below)
        merged[key] = value
    return merged


def check_defaults(defaults: Spec) -> None:
    """Whether ``defaults`` can stand under a run's spec.

    Raises:
        DefaultsError: names each field that is wrong.
    """
    for field in _OWN:
        if field in defaults:
            raise DefaultsError(f"defaults.{field}: is each run's own")
    try:
        checked = TrainingRunSpec.model_validate({**defaults, "source": _PLACEHOLDER})
        if checked.mlflow.tracking_uri:
            check_tracking_uri(checked.mlflow.tracking_uri)
    except ValidationError as error:
        raise DefaultsError(f"defaults.{problems_of(error)}") from None
    except ValueError as error:
        raise DefaultsError(f"defaults.{error}") from None


def problems_of(error: ValidationError) -> str:
    """Each problem with its field, without the values: one may be refused for what it holds."""
    details = error.errors(include_url=False, include_input=False)
    return "; ".join(
        ": ".join(
            filter(None, (".".join(map(str, p["loc"])), p["msg"].removeprefix("Value error, ")))
        )
        for p in details
    )


def effective_spec(spec: Spec, defaults: Spec) -> TrainingRunSpec:
    """The checked spec of a run in a cluster, defaults included.

    Raises:
        ValidationError: a field is wrong.
        ValueError: the tracking URI is missing or ends with the pod.
    """
    checked = TrainingRunSpec.model_validate(with_defaults(spec, defaults))
    check_tracking_uri(checked.mlflow.tracking_uri)
    return checked


def check_tracking_uri(uri: str | None) -> str:
    """``uri``, if a pod can record there.

    Raises:
        ValueError: there is none, or what is written there ends with the pod.
    """
    if not uri:
        raise ValueError("mlflow.trackingURI: is not set, and there is no default")
    if uri.startswith(("sqlite", "file:")) or (":" not in uri and uri != "databricks"):
        raise ValueError(f"mlflow.trackingURI: {uri} ends with the pod; name a tracking server")
    return uri
