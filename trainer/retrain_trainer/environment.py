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

_PROBE = """
import importlib.metadata as m, json, platform, sys
packages = {}
for d in m.distributions():
    name = d.metadata["Name"]
    if name:
        packages.setdefault(name.lower().replace("_", "-").replace(".", "-"), d.version)
json.dump({"python": platform.python_version(), "executable": sys.executable,
           "packages": dict(sorted(packages.items()))}, sys.stdout)
"""


@dataclass(frozen=True)
class PythonEnvironment:
    """What the stages' `python` is."""

    executable: str
    python: str
    packages: dict[str, str]
    bin: str
    """Folder to put first on PATH."""

    @property
    def digest(self) -> str:
        """Hash of the Python version and every installed package's version."""
        text = json.dumps({"python": self.python, "packages": self.packages}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

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
    return PythonEnvironment(
        answer["executable"], answer["python"], answer["packages"], str(Path(found).parent)
    )


def install(requirements: Path, shown: str, state: Path) -> PythonEnvironment:
    """The environment for a requirements file, made by uv once per content.

    Raises:
        RunFailed: EnvironmentFailed, or InvalidSpec where there is no such file.
    """
    if not requirements.is_file():
        raise RunFailed(
            Reason.INVALID_SPEC, f"spec.python.requirements: there is no {shown} in the repository"
        )
    base = inspect()
    key = hashlib.sha256(requirements.read_bytes() + base.python.encode()).hexdigest()[:16]
    folder = state / "env" / key
    python = folder / "bin" / "python"
    done = folder / ".complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = _uv()
        _call(
            [uv, "venv", "--quiet", "--python", base.executable, str(folder)], requirements.parent
        )
        _call(
            [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(requirements)],
            requirements.parent,
        )
        done.touch()
    return inspect(str(python))


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
    env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = "\n".join(done.stderr.splitlines()[-10:])
        raise RunFailed(Reason.ENVIRONMENT_FAILED, f"the requirements cannot be installed:\n{last}")
