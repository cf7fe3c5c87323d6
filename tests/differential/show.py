"""A case as a person reads it: the files of the first state, then what each edit changes."""

from difflib import unified_diff

from differential.project import Project
from differential.steps import Case


def show(case: Case) -> str:
    """Files, edits and runs, in their order."""
    first = _written(case.steps[0].project)
    parts = [f"== {path}\n{content}" for path, content in sorted(first.items())]
    parts.append("run 0: first run")
    for number, step in enumerate(case.steps[1:], 1):
        before, after = _written(case.steps[number - 1].project), _written(step.project)
        notes = [
            *(f"dvc add {path}" for path in step.dvc_add),
            *(["git commit"] if step.commit else []),
        ]
        parts.append(f"run {number}: {step.what}" + (f" ({', '.join(notes)})" if notes else ""))
        for path in sorted(before.keys() | after.keys()):
            parts += _change(path, before.get(path, ""), after.get(path, ""))
    return "\n".join(part.rstrip("\n") for part in parts)


def _written(project: Project) -> dict[str, str]:
    return project.files() | project.data(dvc=True)


def _change(path: str, before: str, after: str) -> list[str]:
    """The lines that go and come, below the name of their file."""
    lines = list(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    changed = [f"  {line}" for line in lines if not line.startswith("@@")]
    return [f"  {path}:", *changed] if changed else []
