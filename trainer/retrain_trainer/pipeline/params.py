"""Overrides of parameters: each key must exist, each value takes the type it replaces."""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.utils.serialize import LOADERS, MODIFIERS

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.errors import pipeline_failure
from retrain_trainer.pipeline.project import Project

DEFAULT_FILE = "params.yaml"
WHERE = "Correct the parameter in the manifest, or what was typed after --set."


def override_params(project: Project, params: Mapping[str, Any], field: str) -> list[str]:
    """Write ``params`` into the project's parameter files; returns the files' paths.

    A key is a dotted path, with the file in front (``other.yaml:lr``) where it is not in the
    only file that has it. ``field`` is the spec field to name in errors.

    Raises:
        RunFailed: InvalidSpec for an unknown key or a value of another type.
    """
    files = parameter_files(project)
    changes: dict[str, list[tuple[str, Any]]] = {}
    for key, value in params.items():
        file, path = _home(files, key, field)
        changes.setdefault(file, []).append(
            (path, converted(_get(files[file], path), value, f"{field}.{key}"))
        )
    for file, entries in changes.items():
        _make_own(project, Path(file), field)
        with MODIFIERS[Path(file).suffix](file) as content:
            for path, value in entries:
                _set(content, path, value)
    return sorted(changes)


def parameter_files(project: Project) -> dict[str, Any]:
    """The parameter files that the project uses and their contents, by relative path."""
    names = {DEFAULT_FILE} if Path(DEFAULT_FILE).is_file() else set()
    for stage in project.stages():
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                names.add(project.relative(dep.fs_path))
    contents = {}
    for name in sorted(names):
        suffix = Path(name).suffix
        if Path(name).is_file():
            try:
                contents[name] = LOADERS[suffix](name)
            except Exception as error:
                raise pipeline_failure(error) from error
    return contents


def used_params(project: Project) -> dict[str, Any]:
    """Every parameter in the project's files, flat; with the file in front where two collide."""
    files = {name: dict(flattened(content)) for name, content in parameter_files(project).items()}
    count = Counter(key for leaves in files.values() for key in leaves)
    return {
        key if count[key] == 1 else f"{name}:{key}": value
        for name, leaves in files.items()
        for key, value in leaves.items()
    }


def flattened(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested mappings with its dotted key; lists are leaves."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from flattened(value, f"{prefix}.{key}" if prefix else str(key))
    elif prefix:
        yield prefix, content


def converted(old: Any, new: Any, field: str) -> Any:
    """``new`` in the type of ``old``, where nothing is lost by it.

    Raises:
        RunFailed: InvalidSpec.
    """
    if old is None or new is None or type(old) is type(new):
        return new
    if isinstance(old, float) and isinstance(new, int) and not isinstance(new, bool):
        return float(new)
    if (
        isinstance(old, int)
        and not isinstance(old, bool)
        and isinstance(new, float)
        and new.is_integer()
    ):
        return int(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return new
    if isinstance(old, (list, tuple)) and isinstance(new, (list, tuple)):
        return new
    if isinstance(old, float) and isinstance(new, str):
        # YAML 1.1 reads 1e-3 as text.
        try:
            return float(new)
        except ValueError:
            pass
    hint = ": put it in quotes" if isinstance(old, str) else ""
    raise RunFailed(
        Reason.INVALID_SPEC,
        f"{field}: {new!r} is a {_kind(new)}, but the parameter is a {_kind(old)} ({old!r}){hint}",
        WHERE,
    )


def _make_own(project: Project, file: Path, field: str) -> None:
    """Put a copy in the place of a link: what it leads to is not ours to change."""
    if file.is_symlink():
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    if not file.resolve().is_relative_to(Path(project.repo.root_dir).resolve()):
        raise RunFailed(
            Reason.INVALID_SPEC, f"{field}: a link of {file} leads out of the repository"
        )


def _home(files: Mapping[str, Any], key: str, field: str) -> tuple[str, str]:
    file, separator, path = key.rpartition(":")
    if separator and file in files and _has(files[file], path):
        return file, path
    homes = [name for name, content in files.items() if _has(content, key)]
    if DEFAULT_FILE in homes:
        return DEFAULT_FILE, key
    if len(homes) == 1:
        return homes[0], key
    if homes:
        choices = ", ".join(f"{name}:{key}" for name in homes)
        said = f"{field}.{key}: several files have it: {choices}"
        raise RunFailed(Reason.INVALID_SPEC, said, WHERE)
    known = [leaf for content in files.values() for leaf, _ in flattened(content)]
    close = difflib.get_close_matches(key, known, 3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known[:20])}"
    where = ", ".join(files) or "a parameter file, as there is none"
    raise RunFailed(
        Reason.INVALID_SPEC, f"{field}.{key}: unknown parameter, not in {where}; {hint}", WHERE
    )


def _has(content: Any, path: str) -> bool:
    try:
        _get(content, path)
    except (KeyError, TypeError, IndexError):
        return False
    return True


def _get(content: Any, path: str) -> Any:
    for part in path.split("."):
        content = (
            content[int(part)] if isinstance(content, list) and part.isdigit() else content[part]
        )
    return content


def _set(content: Any, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    here = _get(content, ".".join(parents)) if parents else content
    here[int(last) if isinstance(here, list) else last] = value


def _kind(value: Any) -> str:
    names = {bool: "truth value", int: "whole number", float: "number", str: "text"}
    return names.get(type(value), "list" if isinstance(value, list) else "mapping")
