"""Containers of an image without a cluster: buildah unpacks, Linux's own tools run."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from images.archive import Archive
from servers.binaries import MissingRequirement

USER = 65532
_START = """
set -euo pipefail
root=$1 shared=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir -p "$root$shared" "$root/workspace"
mount --bind "$shared" "$root$shared"
mount -t tmpfs -o mode=0755,uid=65532,gid=65532 tmpfs "$root/workspace"
mount -o remount,bind,ro "$root"
exec chroot --userspec=65532:65532 "$root" /usr/bin/env -i "$@"
"""
"""As a pod has it: a root that is read-only, a user without rights, and /tmp and /workspace."""


class Buildah:
    """A store of its own in ``folder``."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            raise MissingRequirement("containers", "only root unpacks images")
        self._options = ["--root", str(folder / "store"), "--runroot", str(folder / "run")]
        for driver in ("overlay", "vfs"):
            self._environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
            self._environment["STORAGE_DRIVER"] = driver
            if self._run("info").returncode == 0:
                return
        raise MissingRequirement("buildah", "it can neither use overlay nor vfs")

    def call(self, *arguments: str) -> str:
        """Standard output of a command of buildah."""
        done = self._run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def unpack(self, image: str) -> Path:
        """The root folder of a new container."""
        return Path(self.call("mount", self.call("from", "--quiet", "--pull-never", image)))

    def load(self, archive: Archive) -> str:
        """The name of the image in ``archive``, which is in the store then."""
        self.call("pull", "--quiet", f"oci-archive:{archive.path}")
        return archive.name

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["buildah", *self._options, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def buildah(folder: Path) -> Iterator[Buildah]:
    store = Buildah(folder)
    try:
        yield store
    finally:
        store.call("rm", "--all")
        store.call("rmi", "--all", "--force")


@dataclass(frozen=True)
class Container:
    """Starts processes in an unpacked image, with its variables."""

    root: Path
    environment: Mapping[str, str]

    def command(
        self, arguments: Sequence[str], shared: Path, environment: Mapping[str, str]
    ) -> list[str]:
        """A command that runs ``arguments``; it shares the folder ``shared`` with this machine."""
        variables = [f"{key}={value}" for key, value in {**self.environment, **environment}.items()]
        start = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", _START]
        return [*start, "start", str(self.root), str(shared), *variables, *arguments]

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        with tempfile.TemporaryDirectory() as shared:
            return subprocess.run(
                self.command(arguments, Path(shared), environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )

    def output(self, *arguments: str, **environment: str) -> str:
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()
