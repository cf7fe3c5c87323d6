"""The user's Python environment: which one, what is in it, and its digest."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.overlay import lay_over, take_over_scripts

_PROBE = """
import importlib.metadata as m, json, os, platform, site, sys
packages = {}
for d in m.distributions():
    name = d.metadata["Name"]
    if name:
        packages.setdefault(name.lower().replace("_", "-").replace(".", "-"), d.version)
json.dump({"python": platform.python_version(), "executable": sys.executable,
           "prefix": sys.prefix, "packages": dict(sorted(packages.items())),
           "libraries": [p for p in site.getsitepackages() if os.path.isdir(p)]}, sys.stdout)
"""
_OF_PIP = {"PIP_INDEX_URL": "UV_INDEX_URL", "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL"}
"""Variables that people have set for pip -> those of uv; uv's newer ones come first with uv."""
_NOT_FOR_UV = ("VIRTUAL_ENV", "UV_SYSTEM_PYTHON")


@dataclass(frozen=True)
class PythonEnvironment:
    """What the stages' `python` is."""

    executable: str
    python: str
    packages: dict[str, str]
    prefix: str
    libraries: list[str]
    """Folders that packages are installed in."""
    bin: str
    """Folder of `python` and of the packages' scripts."""

    @property
    def digest(self) -> str:
        """Hash of the Python version and every installed package's version."""
        text = json.dumps({"python": self.python, "packages": self.packages}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def search_path(self) -> str:
        """PATH for the stages: this environment first."""
        return os.pathsep.join(filter(None, (self.bin, os.environ.get("PATH"))))

    def document(self, image: str | None) -> str:
        """As it is recorded, in JSON."""
        content = {"python": self.python, "image": image, "packages": self.packages}
        return json.dumps(content, indent=1)


def inspect(python: str | None = None) -> PythonEnvironment:
    """Look at ``python``, by default the first on PATH.

    Raises:
        RunFailed: EnvironmentFailed.
    """
    found = python or shutil.which("python") or shutil.which("python3")
    if found is None:
        raise RunFailed(Reason.ENVIRONMENT_FAILED, "there is no python on PATH")
    # -P and -I keep the repository's own modules from being taken for installed ones.
    done = subprocess.run([found, "-I", "-c", _PROBE], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = " ".join(done.stderr.splitlines()[-3:])
        raise RunFailed(Reason.ENVIRONMENT_FAILED, f"{found} does not run: {last}")
    answer = json.loads(done.stdout)
    return PythonEnvironment(**answer, bin=str(Path(found).parent))


def install(requirements: Path, shown: str, state: Path) -> PythonEnvironment:
    """The environment for a requirements file, made by uv once per content.

    It is laid over the `python` on PATH: it has that one's packages too, and where both have a
    package its own is used. Only over the Python that we run in ourselves nothing is laid, as
    what the trainer needs is none of the user's: there it holds the requirements alone.

    Raises:
        RunFailed: EnvironmentFailed, or InvalidSpec where there is no such file.
    """
    if not requirements.is_file():
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.python.requirements: there is no {shown} in the repository",
            "Correct the field, or add the file.",
        )
    base = inspect()
    identity = f"{base.executable} {base.digest}".encode()
    key = hashlib.sha256(requirements.read_bytes() + identity).hexdigest()[:16]
    folder = state / "env" / key
    done = folder / ".complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, requirements, base)
        done.touch()
    return inspect(str(folder / "bin" / "python"))


def _make(folder: Path, requirements: Path, base: PythonEnvironment) -> None:
    uv = _uv()
    of_user = Path(base.prefix).resolve() != Path(sys.prefix).resolve()
    where = requirements.parent
    _call([uv, "venv", "--quiet", "--python", base.executable, str(folder)], where)
    if of_user:
        lay_over(folder, base.libraries)
    python = str(folder / "bin" / "python")
    _call([uv, "pip", "install", "--quiet", "--python", python, "-r", str(requirements)], where)
    if of_user:
        take_over_scripts(folder, Path(base.bin))


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise RunFailed(
            Reason.ENVIRONMENT_FAILED,
            "spec.python.requirements needs uv, which is not installed: pip install uv",
        )
    return found


def _call(command: list[str], folder: Path) -> None:
    env = {key: value for key, value in os.environ.items() if key not in _NOT_FOR_UV}
    for of_pip, of_uv in _OF_PIP.items():
        if of_pip in env:
            env.setdefault(of_uv, env[of_pip])
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = without_userinfo("\n".join(done.stderr.splitlines()[-10:]))
        raise RunFailed(Reason.ENVIRONMENT_FAILED, f"the requirements cannot be installed:\n{last}")
