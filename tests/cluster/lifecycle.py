"""Bringing a cluster of this machine's own up and taking it down."""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cluster import cgroups
from cluster.components import ClusterFailed
from cluster.folders import LOCK, clusters_folder, folder_of, is_kept, keeper_pid, read_facts
from cluster.local import LocalCluster
from cluster.namespaces import UNSHARE
from cluster.programs import KUBERNETES, KWOK, NODE_PROGRAMS, install_node_packages
from servers.binaries import GoModule, GoProgram, MissingRequirement, locked
from servers.process import log_tail

POLL_SECONDS = 0.05
STOP_SECONDS = 30
LONGEST_FOLDER = 55
"""A socket's path has 107 bytes, and a cluster's name up to 32."""

Say = Callable[[str], None]


def say_nothing(text: str) -> None:
    pass


def up(
    name: str,
    *,
    control_plane_only: bool = False,
    fake_node: bool = False,
    owner: int | None = None,
    say: Say = say_nothing,
) -> LocalCluster:
    """The cluster of that name, started unless it runs already.

    It runs until `down`, or until the process `owner` ends, however that ends.
    Raises MissingRequirement for a machine that cannot have it, and ClusterFailed.
    """
    folder = folder_of(name)
    _get_programs(control_plane_only, fake_node, say)
    flags = ["--control-plane-only"] if control_plane_only else []
    flags += ["--fake-node"] if fake_node else []
    with locked("clusters"):
        if not is_kept(folder):
            _remove_rest(name, folder)
            _start_keeper(name, folder, flags, owner)
    cluster = _wait_until_ready(folder, say)
    if not control_plane_only and not cluster.facts.holder:
        raise ClusterFailed(f"{name} is up without a node: take it down first")
    return cluster


def down(name: str) -> bool:
    """Whether there was such a cluster; nothing of it is left."""
    folder = folder_of(name)
    if not folder.exists():
        return False
    with locked("clusters"):
        _stop_keeper(folder)
        _remove_rest(name, folder)
    return True


def attach(name: str) -> LocalCluster | None:
    """The cluster of that name, if it is up."""
    folder = folder_of(name)
    facts = read_facts(folder) if is_kept(folder) else None
    return LocalCluster(folder, facts) if facts else None


def _get_programs(control_plane_only: bool, fake_node: bool, say: Say) -> None:
    if sys.platform != "linux":
        raise MissingRequirement("Linux", "a cluster of this machine's own runs on nothing else")
    if len(str(clusters_folder())) > LONGEST_FOLDER:
        raise MissingRequirement("a shorter path", f"{clusters_folder()} is too long for sockets")
    needed: list[GoModule | GoProgram] = [KUBERNETES, *([KWOK] if fake_node else [])]
    if not control_plane_only:
        check_namespaces()
        needed += NODE_PROGRAMS
    missing = [each.name for each in needed if not each.path.exists()]
    if missing:
        say(f"building {', '.join(missing)}: kept for later, but now this takes minutes")
    for each in needed:
        each.binary()
    if not control_plane_only:
        install_node_packages()


def check_namespaces() -> None:
    """Root alone may make them, and not even root in most containers."""
    done = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingRequirement("namespaces", done.stderr.strip() or "refused")


def _start_keeper(name: str, folder: Path, flags: list[str], owner: int | None) -> None:
    folder.mkdir(parents=True, mode=0o700)
    handle = os.pidfd_open(owner) if owner else None
    try:
        with (folder / LOCK).open("w") as lock, (folder / "keeper.log").open("w") as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            inherited = [lock.fileno()]
            if handle is not None:
                inherited.append(handle)
                flags = [*flags, f"--owner={handle}"]
            process = subprocess.Popen(
                [sys.executable, "-m", "cluster.keeper", name, *flags],
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=inherited,
                start_new_session=True,
            )
            lock.write(str(process.pid))
    finally:
        if handle is not None:
            os.close(handle)


def _wait_until_ready(folder: Path, say: Say) -> LocalCluster:
    said = 0
    while True:
        kept, facts = is_kept(folder), read_facts(folder)
        lines = _lines(folder / "keeper.log")
        if not kept:
            raise ClusterFailed(log_tail(folder / "keeper.log", 60))
        for line in lines[said:]:
            say(line)
        said = len(lines)
        if facts:
            return LocalCluster(folder, facts)
        time.sleep(POLL_SECONDS)


def _lines(log: Path) -> list[str]:
    """The complete ones."""
    return log.read_text().split("\n")[:-1] if log.exists() else []


def _stop_keeper(folder: Path) -> None:
    if not is_kept(folder):
        return
    # Not until the lock is free: the file with the lock goes before the process.
    handle = os.pidfd_open(keeper_pid(folder))
    try:
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not select.select([handle], [], [], STOP_SECONDS)[0]:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [])
    finally:
        os.close(handle)


def _remove_rest(name: str, folder: Path) -> None:
    """What a keeper that was killed could not take away itself."""
    cgroups.remove(name)
    if folder.exists():
        shutil.rmtree(folder)
