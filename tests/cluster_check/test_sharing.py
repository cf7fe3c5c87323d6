"""A test run has one cluster for all its processes, and takes it along when it ends."""

import os
import subprocess
import sys
from pathlib import Path

from cluster.folders import folder_of

TESTS = Path(__file__).parents[1]
ONE_TEST = """
from pathlib import Path

def test_it(api_server, worker_id):
    assert "clusters" in api_server.kubeconfig.read_text()
    Path(worker_id).write_text(str(api_server.kubeconfig))
"""


def test_the_workers_of_a_run_share_one_cluster_that_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(ONE_TEST)
    plugins = ["-p", "servers.fixtures", "-p", "cluster.fixtures"]
    # Each worker runs each test.
    workers = ["-n", "2", "--dist", "each"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "RETRAIN_TEST_CLUSTER": "local"}
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir=.", *workers, *plugins],
        cwd=tmp_path,
        env={name: text for name, text in environment.items() if "XDIST" not in name},
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        said, _ = run.communicate()
    assert run.returncode == 0, said
    assert "2 passed" in said
    shared = folder_of(f"test-{run.pid}-api")
    assert {(tmp_path / worker).read_text() for worker in ("gw0", "gw1")} == {
        str(shared / "kubeconfig")
    }
    assert not shared.exists()
