"""A smaller case that fails alike."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from differential.project import Project
from differential.steps import Case, Step


def shrink(case: Case, fails: Callable[[Case], bool], tries: int = 12) -> Case:
    """Leave out steps, stages, flags and sources as long as ``fails`` holds."""
    progress = True
    while progress and tries > 0:
        progress = False
        for smaller in _smaller(case):
            tries -= 1
            if fails(smaller):
                case, progress = smaller, True
                break
            if tries <= 0:
                break
    return case


def _smaller(case: Case) -> Iterator[Case]:
    for number in range(1, len(case.steps)):
        yield replace(case, steps=(*case.steps[:number], *case.steps[number + 1 :]))
    if case.model:
        yield replace(case, model=False)
    for change in _changes(case.steps[0].project):
        yield replace(case, steps=tuple(_changed(step, change) for step in case.steps))


Change = Callable[[Project], Project]


def _changed(step: Step, change: Change) -> Step:
    project = change(step.project)
    paths = {source.path for source in project.sources if source.dvc}
    outputs = set(project.outputs())
    return replace(
        step,
        project=project,
        dvc_add=tuple(path for path in step.dvc_add if path in paths),
        deleted=tuple(path for path in step.deleted if path in outputs),
    )


def _changes(project: Project) -> Iterator[Change]:
    for stage in project.stages[:-1]:
        if not any(_reads(other.deps, stage.name) for other in project.stages):
            yield lambda found, name=stage.name: replace(  # type: ignore[misc]
                found, stages=tuple(other for other in found.stages if other.name != name)
            )
    for source in project.sources:
        if not any(source.path in stage.deps for stage in project.stages):
            yield lambda found, path=source.path: replace(  # type: ignore[misc]
                found, sources=tuple(other for other in found.sources if other.path != path)
            )
    for stage in project.stages:
        for simple in ({"params": ()}, {"template": None}, {"script": False}, {"always": False}):
            if any(getattr(stage, key) != value for key, value in simple.items()):
                yield lambda found, name=stage.name, simple=simple: replace(  # type: ignore[misc]
                    found,
                    stages=tuple(
                        replace(other, **simple) if other.name == name else other
                        for other in found.stages
                    ),
                )


def _reads(deps: tuple[str, ...], name: str) -> bool:
    return any(dep.split("/", 1)[-1].split("/")[0].split(".")[0] == name for dep in deps)
