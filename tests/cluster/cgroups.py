"""The control groups of a cluster's pods: one parent in every hierarchy this machine has."""

import os
import time
from pathlib import Path

REMOVE_SECONDS = 10
POLL_SECONDS = 0.05


def parent_name(cluster: str) -> str:
    return f"retrain-{cluster}"


def create(cluster: str) -> None:
    for hierarchy in _hierarchies():
        (hierarchy / parent_name(cluster)).mkdir(exist_ok=True)


def remove(cluster: str) -> None:
    """Those of processes that are just ending take a moment. Raises OSError for ones in use."""
    for hierarchy in _hierarchies():
        folder = hierarchy / parent_name(cluster)
        # Deepest first: a control group with others in it cannot go.
        for each, _, _ in os.walk(folder, topdown=False):
            _remove_one(Path(each), time.monotonic() + REMOVE_SECONDS)


def _remove_one(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _hierarchies() -> list[Path]:
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount_point, kind, options, *_ = line.split()
        if kind in ("cgroup", "cgroup2") and "ro" not in options.split(","):
            found.append(Path(mount_point))
    return found
