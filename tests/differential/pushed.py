"""The steps of a case as a cluster sees them: what was edited is added, committed, pushed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from dvc.repo import Repo

from differential.clones import edit, own_process_state, share
from differential.project import KEPT, Project
from differential.steps import Case, Step

Files = Mapping[str, bytes]
"""Bytes by name of a folder's files, or of the one file under the name ``""``."""


def as_pushed(case: Case) -> Case:
    """``case`` with nothing left in the person's work tree alone."""
    steps = (
        replace(step, dvc_add=_tracked(step.project), commit=True, deleted=())
        for step in case.steps
    )
    return replace(case, steps=tuple(steps))


def _tracked(project: Project) -> tuple[str, ...]:
    return tuple(source.path for source in project.sources if source.dvc)


@dataclass(frozen=True)
class Author:
    """The clone of the person who edits, and a colleague's in which `dvc repro` runs."""

    folder: Path
    colleague: Path
    store: Path
    """DVC remote of both."""

    def make(self, before: Project | None, step: Step) -> None:
        """Make the edits of ``step``, with the data pushed and the tree to commit."""
        if step.colleague:
            share(self.colleague, self.folder)
        for clone in (self.folder, self.colleague):
            edit(clone, before, step)
        if step.dvc_add:
            with own_process_state(self.folder), Repo(str(self.folder)) as repo:
                repo.push([f"{path}.dvc" for path in step.dvc_add])

    def pushed(self) -> dict[str, Path]:
        """Objects of the store: path below it -> file."""
        files = (file for file in self.store.rglob("*") if file.is_file())
        return {str(file.relative_to(self.store)): file for file in files}


def recorded(lock: str, read: Callable[[str], bytes]) -> dict[str, dict[str, bytes] | str]:
    """Path of each output of ``lock`` -> its files, or the MD5 of one that DVC does not cache.

    ``read`` gives the object of an MD5.
    """
    stages = yaml.safe_load(lock).get("stages", {}).values()
    found: dict[str, dict[str, bytes] | str] = {}
    for out in (out for stage in stages for out in stage.get("outs", [])):
        found[out["path"]] = _files(out, read)
    return found


def _files(out: Mapping[str, Any], read: Callable[[str], bytes]) -> dict[str, bytes] | str:
    md5 = str(out["md5"])
    if out["path"].startswith(f"{KEPT}/"):
        return md5
    if not md5.endswith(".dir"):
        return {"": read(md5)}
    return {entry["relpath"]: read(entry["md5"]) for entry in json.loads(read(md5))}


def differ(expected: Files, got: Files | str | None) -> bool:
    """Whether an output is other than `dvc repro` has left it."""
    if isinstance(got, str):
        return got != hashlib.md5(expected.get("", b""), usedforsecurity=False).hexdigest()
    return dict(expected) != dict(got or {})
