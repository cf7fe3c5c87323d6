"""Overrides of parameters: each key must exist, each value takes the type it replaces."""

import difflib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.stage import PipelineStage
from dvc.utils.serialize import LOADERS, MODIFIERS, load_yaml

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.errors import pipeline_failure
from retrain_trainer.pipeline.paths import related
from retrain_trainer.pipeline.plan import Plan
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
    """The parameter files that the project uses and their contents, by relative path.

    Those are params.yaml, the files of each stage's parameters, and those that `vars:` names.
    """
    names = {DEFAULT_FILE} if Path(DEFAULT_FILE).is_file() else set()
    for stage in project.stages():
        for dep in stage.deps:
            if isinstance(dep, ParamsDependency):
                names.add(project.relative(dep.fs_path))
    names |= _files_of_vars()
    contents = {}
    for name in sorted(names):
        if Path(name).is_file():
            try:
                contents[name] = LOADERS[Path(name).suffix](name)
            except Exception as error:
                raise pipeline_failure(error) from error
    return contents


def used_params(project: Project, plan: Plan) -> dict[str, Any]:
    """Every parameter in the plan's files, flat; with the file in front where two collide.

    Left out is what other stages of the project name as theirs, and these do not.
    """
    planned = set(plan.stages)
    ours, others = _named(project, planned, inside=True), _named(project, planned, inside=False)
    used = {file for file, _ in ours} | {DEFAULT_FILE} | _files_of_vars()
    files = {
        name: {
            key: value
            for key, value in flattened(content)
            if _covered(ours, name, key) or not _covered(others, name, key)
        }
        for name, content in parameter_files(project).items()
        if name in used
    }
    count = Counter(key for leaves in files.values() for key in leaves)
    return {
        key if count[key] == 1 else f"{name}:{key}": value
        for name, leaves in files.items()
        for key, value in leaves.items()
    }


def check_params(project: Project, plan: Plan) -> None:
    """Look for every parameter that the plan's stages name, before the first of them runs.

    Raises:
        RunFailed: InvalidPipeline where a file or a key is not there.
    """
    produced = list(project.producers())
    for stage in plan.pipeline_stages(project):
        for dep in stage.deps:
            made = isinstance(dep, ParamsDependency) and any(
                related(dep.fs_path, out) for out in produced
            )
            if isinstance(dep, ParamsDependency) and not (stage.frozen or made):
                _check(project, stage, dep)


def _check(project: Project, stage: PipelineStage, dep: ParamsDependency) -> None:
    file = project.relative(dep.fs_path)
    needs = ", ".join(dep.params) or "its parameters"
    if not dep.exists:
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"stage {stage.addressing} reads {needs} from {file}, which is not in the repository"
            " (is it made by `dvc exp run`, or ignored by git?)",
        )
    try:
        content = LOADERS[Path(dep.fs_path).suffix](dep.fs_path)
    except Exception as error:
        raise pipeline_failure(error) from error
    present = dep.read_params()
    missing = [key for key in dep.params if key not in present]
    if missing:
        known = [leaf for leaf, _ in flattened(content)]
        close = difflib.get_close_matches(missing[0], known, 3)
        hint = (
            f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(known[:20])}"
        )
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"stage {stage.addressing} reads {', '.join(missing)}, which {file} does not have;"
            f" {hint}",
        )


def _named(project: Project, planned: set[str], *, inside: bool) -> set[tuple[str, str]]:
    """(file, key) of the parameters that stages in, or outside, the plan name; "" is all of it."""
    return {
        (project.relative(dep.fs_path), key)
        for stage in project.stages()
        if (stage.addressing in planned) is inside
        for dep in stage.deps
        if isinstance(dep, ParamsDependency)
        for key in (dep.params or [""])
    }


def _covered(named: set[tuple[str, str]], file: str, key: str) -> bool:
    return any(
        name == file and (not above or key == above or key.startswith(f"{above}."))
        for name, above in named
    )


def _files_of_vars() -> set[str]:
    """Parameter files that `vars:` of the project's dvc.yaml names, for all of it or a stage."""
    content = load_yaml("dvc.yaml") if Path("dvc.yaml").is_file() else {}
    found = set()
    stages = (content or {}).get("stages") or {}
    for holder in (content, *stages.values()):
        if not isinstance(holder, Mapping):
            continue
        inner = holder.get("do") if isinstance(holder.get("do"), Mapping) else {}
        folder = Path(str(holder.get("wdir") or "."))
        for entry in [*(holder.get("vars") or []), *((inner or {}).get("vars") or [])]:
            if isinstance(entry, str):
                found.add(os.path.normpath(folder / entry.partition(":")[0]))
    return {name for name in found if "${" not in name}


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
        message = f"{field}.{key}: several files have it: {choices}"
        raise RunFailed(Reason.INVALID_SPEC, message, WHERE)
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
