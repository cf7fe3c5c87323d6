"""Both runs after each step of a case, and the first difference between them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from differential import plain, retrained
from differential.clones import edit, new_repository, share
from differential.generate import MODEL
from differential.steps import Case


@dataclass(frozen=True)
class Difference:
    """What was not as after `dvc repro`."""

    step: int
    kind: str
    """A word or two: failures are counted by it."""
    text: str


def compare(case: Case, folder: Path, tracking: Path) -> Difference | None:
    """Carry out ``case`` below ``folder``; ``tracking`` is an empty MLflow store."""
    folder.mkdir(parents=True)
    one, other = folder / "plain", folder / "retrained"
    new_repository(one, folder / "store", retrained.manifest(MODEL if case.model else None))
    shutil.copytree(one, other)
    retrained.prepare(other, tracking)
    before = None
    for number, step in enumerate(case.steps):
        if step.colleague:
            share(one, other)
        for clone in (one, other):
            edit(clone, before, step)
        plain.tidy(one, before, step)
        retrained.tidy(other, step)
        before = step.project
        difference = _runs_differ(number, plain.reproduce(one), retrained.run(other))
        if difference is None and not _failing(case, number):
            difference = _outputs_differ(number, case, one, other)
        if difference is not None:
            return difference
    return None


def _failing(case: Case, number: int) -> bool:
    return any(stage.broken for stage in case.steps[number].project.stages)


def _runs_differ(number: int, expected: str | None, got: str | None) -> Difference | None:
    if (expected is None) == (got is None):
        return None
    if got is not None:
        return Difference(number, "fails alone", f"dvc repro ends well, retrain run prints\n{got}")
    return Difference(number, "ends well alone", f"dvc repro fails: {expected}")


def _outputs_differ(number: int, case: Case, one: Path, other: Path) -> Difference | None:
    project = case.steps[number].project
    expected, got = plain.outputs(one, project), retrained.outputs(other, project)
    lines = [
        f"{path}\n  dvc repro:   {expected[path]}\n  retrain run: {got[path] or 'not there'}"
        for path in expected
        if expected[path] != got[path]
    ]
    if not lines:
        return None
    kind = "output missing" if any(not got[path] for path in expected) else "other bytes"
    return Difference(number, kind, "\n".join(lines))
