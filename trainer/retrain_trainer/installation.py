"""Makes the environment that spec.python.requirements asks for, with uv."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.environment import PythonEnvironment, inspect
from retrain_trainer.execution import Execution
from retrain_trainer.overlay import lay_over, take_over_scripts
from retrain_trainer.package_index import index_away
from retrain_trainer.requirements import (
    PROJECT_FILES,
    digest_of,
    included_files,
    metadata_files,
    package_files,
)

_OF_PIP = {"PIP_INDEX_URL": "UV_INDEX_URL", "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL"}
"""Variables that people have set for pip -> those of uv; uv's newer ones come first with uv."""
_NOT_FOR_UV = ("VIRTUAL_ENV", "UV_SYSTEM_PYTHON")


def prepare(execution: Execution) -> PythonEnvironment:
    """The environment that the stages of ``execution`` run in, made if need be.

    An index that is away is waited for.

    Raises:
        RunFailed: EnvironmentFailed, or InvalidSpec for requirements that are not there.
    """
    folders = [execution.project, *([execution.local.original] if execution.local else [])]
    repositories = tuple(_repository(folder) for folder in folders)
    python = execution.spec.python
    if python is None:
        return inspect(repositories=repositories)
    return execution.patience.through(
        lambda: install(execution.project, python.requirements, execution.state, repositories)
    )


def install(
    project: Path, requirements: str, state: Path, repositories: tuple[Path, ...] = ()
) -> PythonEnvironment:
    """The environment for a requirements file, made by uv anew when anything it is made from
    has changed: the file, those it includes, local packages, the `python` on PATH.

    It is laid over the `python` on PATH: it has that one's packages too, and where both have a
    package its own is used. Only over the Python that we run in ourselves nothing is laid, as
    what the trainer needs is none of the user's: there it holds the requirements alone.

    Raises:
        Away: an index does not answer.
        RunFailed: EnvironmentFailed, or InvalidSpec where there is no such file.
    """
    file = project / requirements
    if not file.is_file():
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"spec.python.requirements: there is no {requirements} in the repository",
        )
    base = inspect()
    identity = f"{base.executable} {base.digest} {requirements}"
    folder = state / "env" / hashlib.sha256(identity.encode()).hexdigest()[:16]
    python = str(folder / "bin" / "python")
    record = folder / ".complete"
    if _is_current(record, file):
        return inspect(python, repositories)
    shutil.rmtree(folder, ignore_errors=True)
    _forget_builds(repositories[0] if repositories else project)
    _make(folder, project, requirements, base)
    made = inspect(python, repositories)
    local = {str(how.folder): how.editable for how in made.direct.values() if how.folder}
    record.write_text(json.dumps({"local": local, "digest": _inputs(file, local)}))
    return made


def _is_current(record: Path, requirements: Path) -> bool:
    """Whether nothing that the environment was made from has changed."""
    if not record.is_file():
        return False
    made = json.loads(record.read_text())
    return bool(made["digest"] == _inputs(requirements, made["local"]))


def _inputs(requirements: Path, local: Mapping[str, bool]) -> str:
    files = included_files(requirements)
    for name, editable in local.items():
        path = Path(name)
        if path.is_dir():
            files += metadata_files(path) if editable else package_files(path)
        else:
            files.append(path)
    return digest_of(files, requirements.parent)


def _forget_builds(repository: Path) -> None:
    """Make uv build the packages of ``repository`` again: it looks at these files' times alone."""
    for path in package_files(repository):
        if path.name in PROJECT_FILES and path.is_file():
            stat = path.stat()
            # This leaves the time that others go by as it is.
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _repository(folder: Path) -> Path:
    """The git repository around ``folder``, else the folder itself."""
    places = (folder, *folder.parents)
    return next((place for place in places if (place / ".git").exists()), folder)


def _make(folder: Path, project: Path, requirements: str, base: PythonEnvironment) -> None:
    uv = _uv()
    of_user = Path(base.prefix).resolve() != Path(sys.prefix).resolve()
    _call([uv, "venv", "--quiet", "--python", base.executable, str(folder)], project)
    if of_user:
        lay_over(folder, base.libraries)
    python = str(folder / "bin" / "python")
    # Compiled at once, as stages write no bytecode. In the project's folder, as paths of local
    # packages are meant from where one types this.
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    try:
        _call([*install, "-r", requirements], project)
    except RunFailed as failure:
        away = index_away(included_files(project / requirements), _variables())
        if away is not None:
            # The index may have nothing to do with it.
            away.message = f"{away.message}; {failure.message}"
        raise away or failure from None
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


def _variables() -> dict[str, str]:
    """As uv gets them."""
    env = {key: value for key, value in os.environ.items() if key not in _NOT_FOR_UV}
    for of_pip, of_uv in _OF_PIP.items():
        if of_pip in env:
            env.setdefault(of_uv, env[of_pip])
    return env


def _call(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, env=_variables(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = without_userinfo("\n".join(done.stderr.splitlines()[-10:]))
        raise RunFailed(Reason.ENVIRONMENT_FAILED, f"the requirements cannot be installed:\n{last}")
