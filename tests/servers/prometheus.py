"""Prometheus, which each second scrapes what a test sets."""

import json
import math
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from servers.binaries import prometheus_binary
from servers.process import serving
from servers.streaming_http import LoggingServer, StreamingHandler, answering

USER, PASSWORD = "reader", "prometheus-password"
# bcrypt of PASSWORD, at the lowest cost: no library here makes one on each Python.
_HASH = "$2b$04$wq4C3DUKysfj8HpQ6j72Qe8haq8w5mDeuMGIWo2bVSV/eyJN/LCSC"
_POLL_SECONDS = 0.1
_UNTIL_SECONDS = 30.0


class QueryFailed(Exception):
    """Prometheus' own words."""


@dataclass(frozen=True)
class PrometheusServer:
    url: str
    user: str | None
    password: str | None
    log: Path
    _exporter: "_Exporter" = field(repr=False)

    def set(self, metric: str, value: float, /, **labels: str) -> None:
        """Scraped within a second, and from then on; `until` waits for it."""
        # json's escapes are those of the text format.
        pairs = [f"{key}={json.dumps(text)}" for key, text in sorted(labels.items())]
        series = f"{metric}{{{','.join(pairs)}}}"
        self._exporter.samples = self._exporter.samples | {series: value}

    def clear(self) -> None:
        """Of every metric; the next scrape ends their series."""
        self._exporter.samples = {}

    def values(self, query: str) -> list[float]:
        """The values of an instant query, of each series one. Raises QueryFailed."""
        found = _answer(self.url, query, self.user, self.password)
        if found["resultType"] == "scalar":
            return [float(found["result"][1])]
        return [float(series["value"][1]) for series in found["result"]]

    def until(self, query: str, value: float | None, seconds: float = _UNTIL_SECONDS) -> None:
        """Waits until the query answers this value alone; None waits for no series at all."""
        wanted = [] if value is None else [value]
        deadline = time.monotonic() + seconds
        while not _same(found := self.values(query), wanted):
            if time.monotonic() > deadline:
                raise AssertionError(f"{query} is {found}, not {wanted}, after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)


@contextmanager
def prometheus_server(folder: Path, *, protected: bool = False) -> Iterator[PrometheusServer]:
    """`protected` asks for basic auth, by USER and PASSWORD."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    binary = prometheus_binary()
    user, password = (USER, PASSWORD) if protected else (None, None)
    log = folder / "prometheus.log"
    exporter = _Exporter(folder / "exporter.log")
    web = folder / "web.json"
    web.write_text(json.dumps({"basic_auth_users": {USER: _HASH}} if protected else {}))
    config = folder / "prometheus.json"
    config.write_text(json.dumps(_config(exporter.port)))

    def command(port: int) -> Sequence[str]:
        listen = [f"--web.listen-address=127.0.0.1:{port}", f"--web.config.file={web}"]
        data = f"--storage.tsdb.path={folder / 'data'}"
        return [str(binary), f"--config.file={config}", *listen, data]

    def ready(port: int) -> bool:
        try:
            # With a result: from the first scrape on, `set` is heeded within a second.
            answer = _answer(_url(port), "up == 1", user, password)
        except (OSError, QueryFailed):
            return False
        return bool(answer["result"])

    with answering(exporter), serving(command, ready=ready, log=log) as port:
        yield PrometheusServer(_url(port), user, password, log, exporter)


class _Exporter(LoggingServer):
    def __init__(self, log: Path) -> None:
        self.samples: dict[str, float] = {}
        super().__init__(_ExporterHandler, log)


class _ExporterHandler(StreamingHandler):
    server: _Exporter

    def do_GET(self) -> None:
        lines = [f"{series} {value}" for series, value in self.server.samples.items()]
        self.answer(200, "\n".join(lines))


def _config(exporter_port: int) -> dict[str, Any]:
    target = {"targets": [f"127.0.0.1:{exporter_port}"]}
    return {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "exporter", "static_configs": [target]}],
    }


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _answer(url: str, query: str, user: str | None, password: str | None) -> dict[str, Any]:
    request = urllib.request.Request(f"{url}/api/v1/query?{urlencode({'query': query})}")
    if user is not None:
        credentials = b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            data: dict[str, Any] = json.load(response)["data"]
            return data
    except urllib.error.HTTPError as error:
        raise QueryFailed(f"{query}: {error.code} {error.read().decode()}") from None


def _same(found: list[float], wanted: list[float]) -> bool:
    return len(found) == len(wanted) and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(found, wanted, strict=True)
    )
