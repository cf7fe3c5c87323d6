"""Network, mounts and processes of a cluster's own, which end with the one that holds them."""

import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.components import ClusterFailed, Place, tied_to_me

NODE_ADDRESS = "10.244.0.1"
POD_RANGE = "10.244.0.0/24"
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
START_SECONDS = 10
POLL_SECONDS = 0.01


@contextmanager
def namespaces(probe: Path) -> Iterator[Place]:
    """Everything in them is dead when the block ends."""
    command = tied_to_me([*UNSHARE, str(probe), "pause"])
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        holder = _holder(process, probe)
        place = Place(holder)
        handle = os.pidfd_open(holder)
        try:
            _prepare(place)
            yield place
        finally:
            process.kill()
            # Process 1 is gone only after all others of its namespace.
            select.select([handle], [], [])
            os.close(handle)
    finally:
        process.kill()
        process.wait()


def _holder(process: subprocess.Popen[bytes], probe: Path) -> int:
    """Process 1, once it runs `probe`: until then its /proc may be the host's."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = children.read_text().split()
        if found and _program_of(int(found[0])) == str(probe.resolve()):
            return int(found[0])
        time.sleep(POLL_SECONDS)
    raise ClusterFailed("this machine gives no namespaces of its own to a cluster: unshare failed")


def _program_of(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        return None


def _prepare(place: Place) -> None:
    script = Path(__file__).parent / "prepare.sh"
    command = place.command(["sh", str(script), NODE_ADDRESS])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterFailed(f"the namespaces cannot be prepared: {done.stderr.strip()}")
