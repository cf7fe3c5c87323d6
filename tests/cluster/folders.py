"""Where a cluster keeps its state, who keeps it running, and what it says of itself."""

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from servers.binaries import cache_folder

LOCK = "keeper"
"""Holds the keeper's process id, and is locked for as long as that lives."""
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class Facts:
    """What a cluster writes down once it is ready."""

    name: str
    keeper: int
    """The process on the host that runs all of it."""
    holder: int | None
    """Process 1 of the cluster's namespaces, as the host sees it; None: it runs on the host."""
    server: str
    pids: dict[str, int] = field(default_factory=dict)


def clusters_folder() -> Path:
    return cache_folder() / "clusters"


def folder_of(name: str) -> Path:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a cluster: lower-case letters, digits and -")
    return clusters_folder() / name


def read_facts(folder: Path) -> Facts | None:
    """None: not ready, or gone."""
    try:
        return Facts(**json.loads((folder / "cluster.json").read_text()))
    except FileNotFoundError:
        return None


def write_facts(folder: Path, facts: Facts) -> None:
    building = folder / "cluster.json.new"
    building.write_text(json.dumps(asdict(facts), indent=2))
    building.replace(folder / "cluster.json")


def is_kept(folder: Path) -> bool:
    """Whether its keeper lives."""
    try:
        lock = (folder / LOCK).open("r")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def keeper_pid(folder: Path) -> int:
    return int((folder / LOCK).read_text())


def names() -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):
        yield from sorted(os.listdir(clusters_folder()))
