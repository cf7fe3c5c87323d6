"""Metric triggers: the answer of Prometheus to an instant query."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain_core.spec.retrain_schedule import Metric
from retrain_core.verdict.finding import Finding
from retrain_trainer.check.context import NotSeen
from retrain_trainer.check.metric import MAX_ANSWER, _value, look
from servers.prometheus import PASSWORD, USER, PrometheusServer
from servers.streaming_http import LoggingServer, StreamingHandler, answering

SERIES = 'label_replace(vector(1), "m", "{}", "", "")'


def metric(url: str, query: str = "vector(1)") -> Metric:
    return Metric.model_validate({"prometheus": {"url": url, "query": query}, "above": 1.0})


def refusal(url: str, query: str = "vector(1)", **secret: str) -> tuple[Finding, str]:
    with pytest.raises(NotSeen) as caught:
        look(metric(url, query), secret)
    return caught.value.finding, caught.value.message


@pytest.mark.parametrize("query", ["vector(1.5)", "scalar(vector(1.5))", "sum(vector(1.5))"])
def test_one_value_is_seen(prometheus: PrometheusServer, query: str) -> None:
    assert float(look(metric(prometheus.url, query), {}).value) == 1.5
    assert float(look(metric(f"{prometheus.url}/", query), {}).value) == 1.5


@pytest.mark.parametrize(
    ("query", "finding", "said"),
    [
        ("absent_metric", Finding.NO_SERIES, "no result"),
        (
            f"{SERIES.format('a')} or {SERIES.format('b')}",
            Finding.SEVERAL_SERIES,
            '2 series: {m="a"}, {m="b"}',
        ),
        ("vector(0) / 0", Finding.NOT_A_NUMBER, "nan"),
        ("vector(1) / 0", Finding.NOT_A_NUMBER, "inf"),
        ("sum(", Finding.QUERY_REFUSED, "parse error"),
        ("up[5m]", Finding.QUERY_REFUSED, "matrix"),
        ('"text"', Finding.QUERY_REFUSED, "string"),
    ],
)
def test_what_is_no_value_is_told(
    prometheus: PrometheusServer, query: str, finding: Finding, said: str
) -> None:
    found, message = refusal(prometheus.url, query)
    assert found is finding
    assert said in message


def test_credentials_are_those_of_the_secret(protected_prometheus: PrometheusServer) -> None:
    url = protected_prometheus.url
    assert look(metric(url), {"username": USER, "password": PASSWORD}).value == "1.0"
    assert refusal(url)[0] is Finding.METRICS_DENIED
    finding, message = refusal(url, username=USER, password="a-wrong-password")
    assert finding is Finding.METRICS_DENIED
    assert "a-wrong-password" not in message


@dataclass
class Answer:
    url: str
    seen: list[tuple[str, str | None]]


@contextmanager
def server(folder: Path, status: int, body: str) -> Iterator[Answer]:
    """A server that always answers the same."""
    seen: list[tuple[str, str | None]] = []

    class Handler(StreamingHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("Authorization")))
            self.answer(status, body)

    running = LoggingServer(Handler, folder / "log")
    with answering(running):
        yield Answer(f"http://127.0.0.1:{running.port}", seen)


def one(value: Any) -> str:
    data = {"resultType": "vector", "result": [{"metric": {}, "value": [0, value]}]}
    return json.dumps({"status": "success", "data": data})


def test_a_token_is_borne_and_a_path_of_the_address_is_kept(tmp_path: Path) -> None:
    with server(tmp_path, 200, one("3")) as answer:
        assert look(metric(f"{answer.url}/prom/"), {"token": "t0ken"}).value == "3.0"
    ((path, authorization),) = answer.seen
    assert path.startswith("/prom/api/v1/query?query=")
    assert authorization == "Bearer t0ken"


@pytest.mark.parametrize(
    ("status", "body", "finding"),
    [
        (403, "no", Finding.METRICS_DENIED),
        (404, "<html>", Finding.METRICS_UNREACHABLE),
        (503, '{"status":"error","error":"query timed out"}', Finding.METRICS_UNREACHABLE),
        (422, '{"status":"error","error":"too many samples"}', Finding.QUERY_REFUSED),
        (400, "<html>", Finding.METRICS_UNREACHABLE),
        (200, "<html>", Finding.METRICS_UNREACHABLE),
        (200, "[]", Finding.METRICS_UNREACHABLE),
        (200, '{"status":"success","data":null}', Finding.METRICS_UNREACHABLE),
        (200, '{"status":"success","data":{"resultType":"vector","result":[1]}}', "any"),
        (200, one(None), Finding.METRICS_UNREACHABLE),
        (200, " " * (MAX_ANSWER + 1), Finding.METRICS_UNREACHABLE),
        (200, "[" * 100_000, Finding.METRICS_UNREACHABLE),
    ],
)
def test_other_answers_are_told(tmp_path: Path, status: int, body: str, finding: str) -> None:
    with server(tmp_path, status, body) as answer:
        found, message = refusal(answer.url)
    assert finding in (found, "any")
    error = json.loads(body).get("error") if body.startswith('{"status":"error"') else None
    assert error is None or error in message


def test_a_server_that_is_not_there_is_told_without_the_query() -> None:
    finding, message = refusal("http://127.0.0.1:9/", "secret_metric")
    assert finding is Finding.METRICS_UNREACHABLE
    assert "http://127.0.0.1:9/ cannot be reached" in message
    assert "secret_metric" not in message


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resultType", "result", "value", "metric", "status", "data"]), inner
        )
    ),
    max_leaves=8,
)


@settings(max_examples=200)
@given(st.sampled_from(["vector", "scalar", "matrix"]), json_values)
def test_whatever_the_result_is_it_is_a_value_or_told(kind: str, result: Any) -> None:
    with suppress(NotSeen):
        assert isinstance(_value({"resultType": kind, "result": result}), float)
