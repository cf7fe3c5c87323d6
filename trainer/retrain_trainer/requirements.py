"""What an environment is made from: requirements with the files they include, and local packages.

An index is not among it: what it has offered stays installed until one of these changes.
"""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from retrain_trainer.git_access import git_settings, without_git

_OPTION = re.compile(
    r"^\s*(?P<option>-r|--requirement|-c|--constraint|-f|--find-links)(?:\s*=\s*|\s+|(?<=-[rcf]))"
    r"(?P<value>[^\s#]+)",
    re.MULTILINE,
)
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_METADATA = frozenset({".toml", ".cfg", ".txt", ".in", ".lock"})
_COMPILED = frozenset({".c", ".cc", ".cpp", ".cu", ".f90", ".h", ".hpp", ".pxd", ".pyx", ".rs"})
_BUILT = frozenset({"build", "dist", "__pycache__"})
_ARCHIVES = (".whl", ".tar.gz", ".zip")


def included_files(requirements: Path) -> list[Path]:
    """``requirements`` and all that it includes: files, and archives in folders it names.

    Of a pyproject.toml or setup.py, the files that the metadata of its package can come from.
    """
    found: list[Path] = []
    waiting = [requirements]
    while waiting:
        file = waiting.pop(0)
        if file in found:
            continue
        found.append(file)
        if file.name in PROJECT_FILES:
            waiting += metadata_files(file.parent)
        elif file.is_file():
            waiting += _named_in(file)
    return found


def metadata_files(package: Path) -> list[Path]:
    """What decides how ``package`` is installed as an editable one: all but its Python code."""
    return [
        path
        for path in package_files(package)
        if path.suffix in _METADATA | _COMPILED or path.name in PROJECT_FILES
    ]


def package_files(package: Path) -> list[Path]:
    """The files that ``package`` is built from: those that git does not ignore."""
    files = [package / name for name in _tracked(package) or _walked(package)]
    return sorted(path for path in files if not _is_built(path.relative_to(package)))


def digest_of(files: Iterable[Path], base: Path) -> str:
    """Hash of the names, relative to ``base``, and the contents of ``files``."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes() if file.is_file() else b"(absent)"
        name = os.path.relpath(file, base)
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode(errors="replace"))
    return digest.hexdigest()


def _named_in(file: Path) -> Iterator[Path]:
    text = file.read_text(errors="replace").replace("\\\n", " ")
    for match in _OPTION.finditer(text):
        value = _VARIABLE.sub(lambda name: os.environ.get(name[1], ""), match["value"])
        value = value.strip("'\"").removeprefix("file://")
        if "://" in value:
            continue
        path = Path(os.path.normpath(file.parent / value))
        if path.is_dir():
            yield from sorted(found for found in path.iterdir() if found.name.endswith(_ARCHIVES))
        else:
            yield path


def _tracked(folder: Path) -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=folder,
        env=without_git(os.environ)
        | git_settings(
            {"safe.directory": "*", "safe.bareRepository": "explicit", "core.fsmonitor": "false"}
        ),
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    return [name for name in done.stdout.split("\0") if name] if done.returncode == 0 else []


def _walked(package: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(package):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.relpath(Path(folder) / name, package) for name in files]
    return found


def _is_built(path: Path) -> bool:
    return any(part in _BUILT or part.endswith(".egg-info") for part in path.parts)
