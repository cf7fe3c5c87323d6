"""Tells code from data among the files that git tracks."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

_SUFFIXES = (
    "py pyi pyx ipynb r rmd qmd jl sh bash sql yaml yml toml cfg ini c cc cpp h hpp cu rs go java"
    " scala js ts lua m stan mk j2 md rst"
)
CODE_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
CODE_NAMES = frozenset(
    {"Makefile", "Dockerfile", "Pipfile", "LICENSE", "py.typed", "requirements.txt"}
)
MADE_BY_TOOLS = frozenset({"__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".git"})


def code_digest(path: Path) -> str | None:
    """Digest of the code at ``path``, a file or a folder; None if it is not, or not only, code.

    What tools leave beside code (``__pycache__``) does not count.
    """
    if path.is_file():
        return _digest([(path.name, path)]) if _is_code(path) else None
    files = [(str(file.relative_to(path)), file) for file in sorted(_files(path))]
    if not files or not all(_is_code(file) for _, file in files):
        return None
    return _digest(files)


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name in MADE_BY_TOOLS or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _is_code(file: Path) -> bool:
    hidden = file.name.startswith(".")
    return hidden or file.name in CODE_NAMES or file.suffix.lower() in CODE_SUFFIXES


def _digest(files: list[tuple[str, Path]]) -> str:
    found = hashlib.sha256()
    for name, file in files:
        content = file.read_bytes() if file.is_file() else b""
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()
