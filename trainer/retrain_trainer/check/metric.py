"""The answer of Prometheus to an instant query."""

import json
import math
from collections.abc import Mapping
from typing import Any

import requests

from retrain_core.evidence import MetricEvidence
from retrain_core.spec.retrain_schedule import Metric
from retrain_core.verdict.finding import Finding
from retrain_trainer.check import http
from retrain_trainer.check.context import NETWORK_SECONDS, NotSeen

MAX_ANSWER = 1 << 20
_SHOWN = 3
"""Series that a message names."""


def look(spec: Metric, secret: Mapping[str, str]) -> MetricEvidence:
    """The value; ``secret`` has username and password, or token, or nothing.

    Raises:
        NotSeen: whatever is wrong with the way, the query or its answer.
    """
    prometheus = spec.prometheus
    status, content = _answer(prometheus.url, prometheus.query, secret)
    shown = http.shown(prometheus.url)
    if status in (401, 403):
        message = "" if secret else f", and {_no_credentials(spec)}"
        raise NotSeen(Finding.METRICS_DENIED, f"{shown} answers {status}{message}")
    answer = _parsed(content)
    told = str(answer.get("error", "")) if answer else ""
    if status in (400, 422) and told:
        raise NotSeen(Finding.QUERY_REFUSED, told)
    if answer is None or status != 200 or answer.get("status") != "success":
        message = f"{shown} answers {status}" + (
            f": {told}" if told else ", not as Prometheus does"
        )
        raise NotSeen(Finding.METRICS_UNREACHABLE, message)
    value = _value(answer.get("data"))
    if not math.isfinite(value):
        raise NotSeen(Finding.NOT_A_NUMBER, f"the value is {value}")
    return MetricEvidence(value=repr(value))


def _no_credentials(spec: Metric) -> str:
    reference = spec.prometheus.secret_ref
    if reference is None:
        return "metric.prometheus.secretRef is not set"
    return f"the Secret {reference.name} is not there, or has neither username nor token"


def _answer(url: str, query: str, secret: Mapping[str, str]) -> tuple[int, bytes]:
    """Status and body."""
    address = f"{url.rstrip('/')}/api/v1/query"
    try:
        with http.get(
            address,
            secret,
            params={"query": query},
            seconds=2 * NETWORK_SECONDS,
            most=MAX_ANSWER,
        ) as (status, body):
            return status, b"".join(body)
    except http.TooMuch as error:
        raise NotSeen(Finding.METRICS_UNREACHABLE, str(error)) from error
    except (requests.RequestException, ValueError) as error:
        message = f"{http.shown(url)} cannot be reached: {http.cause(error)}"
        raise NotSeen(Finding.METRICS_UNREACHABLE, message) from error


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _value(data: Any) -> float:
    try:
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return float(result[1])
        if kind != "vector":
            message = f"the result is a {kind}, where one value is needed"
            raise NotSeen(Finding.QUERY_REFUSED, message)
        if not result:
            raise NotSeen(Finding.NO_SERIES, "the query has no result")
        if len(result) > 1:
            shown = ", ".join(_labels(one["metric"]) for one in result[:_SHOWN])
            more = f" and {len(result) - _SHOWN} more" if len(result) > _SHOWN else ""
            raise NotSeen(Finding.SEVERAL_SERIES, f"{len(result)} series: {shown}{more}")
        return float(result[0]["value"][1])
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise NotSeen(
            Finding.METRICS_UNREACHABLE, "the answer is not that of Prometheus"
        ) from error


def _labels(metric: Mapping[str, Any]) -> str:
    pairs = ",".join(f'{key}="{text}"' for key, text in metric.items() if key != "__name__")
    return f"{metric.get('__name__', '')}{{{pairs}}}"[:80]
