"""The code of a stage, as far as its command and dependencies name it."""

import re
import shlex
from pathlib import Path

from retrain_trainer.pipeline.paths import local_path
from retrain_trainer.pipeline.project import Project, commands

MAX_FILES = 100
MAX_BYTES = 500_000


def stage_code(project: Project, name: str) -> dict[str, str]:
    """Path -> text of the Python files that the stage names, and of those that they import.

    Imports are looked for beside the files, and in folders that the stage depends on.
    """
    stage = next(stage for stage in commands(project.stages()) if stage.addressing == name)
    folder = Path(stage.wdir)
    lines = stage.cmd if isinstance(stage.cmd, list) else [stage.cmd or ""]
    named = {folder / word for line in lines for word in _words(line)}
    named |= {Path(file) for dep in stage.deps if (file := local_path(dep)) is not None}
    found = {path: _text(path) for path in sorted(named) if path.suffix == ".py"}
    folders = {path.parent for path in found} | {path for path in named if path.is_dir()}
    code = "\n".join(found.values())
    for place in sorted(folders):
        for path in sorted(place.glob("*.py"))[:MAX_FILES]:
            imports = rf"^\s*(?:from|import)\s.*\b{re.escape(path.stem)}\b"
            if path not in found and re.search(imports, code, re.MULTILINE):
                found[path] = _text(path)
    return {project.relative(str(path)): text for path, text in found.items()}


def _text(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return ""
    return path.read_text(errors="replace")


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()
