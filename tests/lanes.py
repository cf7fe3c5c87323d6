"""A pytest plugin: the lane of each test by where it stands, and what each lane has cost.

A lane is what its tests need. It is a mark too: `pytest -m "api and not exhaustive"`.
"""

import os
from collections import defaultdict
from pathlib import Path, PurePath

import pytest

LANES = {
    "unit": "no server",
    "api": "an API server with Kubernetes' controllers, and no node",
    "stores": "programs of ours beside real servers: git, S3, MLflow, Prometheus",
    "node": "a node that runs pods, or images as containers",
    "bed": "the tests' own cluster and servers",
}
EXHAUSTIVE = (
    "exhaustive: what `make test` has a sample or a cheaper proof of; `make test-all` runs it"
)
LANE_OF = {
    "build": "unit",
    "cases": "stores",
    "check": "stores",
    "cli": "stores",
    "cli/test_overwriting.py": "unit",
    "cluster_check": "bed",
    "cluster_runs": "node",
    "contract": "unit",
    "contract/test_kopf.py": "api",
    "control_plane": "api",
    "core": "unit",
    "crds": "unit",
    "crds/test_rules.py": "api",
    "crds/test_status.py": "api",
    "crds/test_structural.py": "api",
    "differential": "stores",
    "documentation": "unit",
    "documentation/test_cluster.py": "node",
    "documentation/test_laptop.py": "stores",
    "etcd_restore": "api",
    "images": "node",
    "images/test_dockerfiles.py": "unit",
    "install": "unit",
    "install/test_applied.py": "api",
    "install/test_demo.py": "stores",
    "lanes_check": "unit",
    "layout": "unit",
    "lost_node": "node",
    "plan": "unit",
    "promotion": "unit",
    "runtime": "unit",
    "servers_check": "bed",
    "submit": "api",
    "submit/test_printable.py": "unit",
    "submit/test_replay.py": "unit",
    "trainer": "stores",
    "trainer/test_redaction.py": "unit",
    "words": "unit",
}
"""By folder below tests/, with all that is below it; a file may be in another one."""
TESTS = Path(__file__).parent
SLOWEST_FIRST = ("node", "bed", "api", "stores", "unit")
"""What comes last fills the gaps: a test of minutes must not be the last to begin."""


def lane_of(file: PurePath) -> str:
    """Of a file, relative to tests/: the nearest entry counts. Raises LookupError."""
    for place in (file, *file.parents):
        if str(place) in LANE_OF:
            return LANE_OF[str(place)]
    raise LookupError(f"tests/{file} is in no lane: name its folder in tests/lanes.py")


class Lanes:
    """Of one test run."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._tests: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        lane = next((name for name in LANES if name in report.keywords), None)
        if lane is not None:
            self._seconds[lane] += report.duration
            self._tests[lane].add(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._tests:
            return
        terminalreporter.section("lanes: seconds of all processes, fixtures included")
        for lane in LANES:
            if lane in self._tests:
                tests, seconds = len(self._tests[lane]), self._seconds[lane]
                terminalreporter.write_line(f"{lane:8}{tests:6} tests{seconds:8.0f} s")


def pytest_configure(config: pytest.Config) -> None:
    for lane, needs in LANES.items():
        config.addinivalue_line("markers", f"{lane}: {needs}")
    config.addinivalue_line("markers", EXHAUSTIVE)
    config.pluginmanager.register(Lanes(), "lanes-of-this-run")


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: tests of api and node wait for other processes most of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Before `-m` chooses by these marks.
    for item in items:
        try:
            lane = lane_of(item.path.relative_to(TESTS))
        except LookupError as missing:
            raise pytest.UsageError(str(missing)) from None
        item.add_marker(lane)
    items.sort(
        key=lambda item: next(i for i, lane in enumerate(SLOWEST_FIRST) if lane in item.keywords)
    )
