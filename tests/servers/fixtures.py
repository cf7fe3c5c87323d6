"""A pytest plugin: the servers as fixtures, started by the first test that asks for one.

A server this machine cannot have is a skip with its reason, listed again at the end of the run;
with RETRAIN_REQUIRE_ALL=1 it is a failure.
"""

import os
import re
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers.auth_proxy import AuthProxy
from servers.binaries import MissingRequirement
from servers.git_https import GitHttpsServer, git_https_server
from servers.git_ssh import GitSshServer, git_ssh_server
from servers.mlflow_server import MlflowServer
from servers.mlflow_server import mlflow_server as serve_mlflow
from servers.process import log_tail
from servers.prometheus import PrometheusServer, prometheus_server
from servers.s3 import S3Server, s3_server

_MARK = "missing requirement "
_SERVERS = (AuthProxy, GitHttpsServer, GitSshServer, MlflowServer, PrometheusServer, S3Server)


@contextmanager
def requirements() -> Iterator[None]:
    """For a test or fixture that starts a server of its own."""
    try:
        yield
    except MissingRequirement as missing:
        text = f"{_MARK}{missing}"
        if os.environ.get("RETRAIN_REQUIRE_ALL") == "1":
            raise pytest.fail.Exception(text, pytrace=False) from None
        raise pytest.skip.Exception(text) from None


@pytest.fixture(scope="session")
def git_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bare repositories that both git servers serve, as NAME.git."""
    return tmp_path_factory.mktemp("git-root")


@pytest.fixture(scope="session")
def git_https(tmp_path_factory: pytest.TempPathFactory, git_root: Path) -> Iterator[GitHttpsServer]:
    folder = tmp_path_factory.mktemp("git-https")
    with requirements(), git_https_server(folder, root=git_root) as server:
        yield server


@pytest.fixture(scope="session")
def git_ssh(tmp_path_factory: pytest.TempPathFactory, git_root: Path) -> Iterator[GitSshServer]:
    folder = tmp_path_factory.mktemp("git-ssh")
    with requirements(), git_ssh_server(folder, root=git_root) as server:
        yield server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with requirements(), s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with requirements(), serve_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    with requirements(), prometheus_server(tmp_path_factory.mktemp("prometheus")) as server:
        yield server


@pytest.fixture(scope="session")
def protected_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """Asks for basic auth."""
    folder = tmp_path_factory.mktemp("protected-prometheus")
    with requirements(), prometheus_server(folder, protected=True) as server:
        yield server


def pytest_configure() -> None:
    # Tests talk to loopback only, whatever proxy the machine has and the client would report.
    without_proxy = [os.environ.get("NO_PROXY", ""), "127.0.0.1", "localhost"]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, without_proxy))
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, value in item.funcargs.items():
            if isinstance(value, _SERVERS):
                report.sections.append((f"end of {value.log}, of {name}", log_tail(value.log)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missing: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        found = re.search(rf"{_MARK}(.*)", _reason(report), re.DOTALL)
        if found:
            missing[found[1]] += 1
    if missing:
        terminalreporter.section("skipped for want of")
        for text, tests in sorted(missing.items()):
            terminalreporter.write_line(f"{text} ({tests} tests)")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
