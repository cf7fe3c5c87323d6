"""Outputs of stages that are gone: in a kept copy they would be read as if they were made now."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from retrain_trainer.git_access import git_settings, without_git
from retrain_trainer.pipeline.paths import related
from retrain_trainer.pipeline.project import Project


def remove_leftovers(project: Project, record: Path) -> None:
    """Remove what was an output when ``record`` was written and is none now; write it anew.

    A `foreach` item that was taken out has left its file in a folder that a stage reads whole.
    What git tracks by now stays.
    """
    root = Path(project.repo.root_dir)
    now = sorted(project.relative_to_root(path) for path in project.producers())
    try:
        before = json.loads(record.read_text())
    except (OSError, ValueError):
        before = []
    for name in before:
        path = root / str(name)
        gone = not any(related(str(name), other) for other in now)
        inside = path.resolve().is_relative_to(root.resolve())
        if gone and inside and os.path.lexists(path) and not _is_tracked(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(now))


def _is_tracked(path: Path) -> bool:
    done = subprocess.run(
        ["git", "ls-files", "-z", "--", path.name],
        cwd=path.parent,
        env=without_git(os.environ)
        | git_settings({"safe.directory": "*", "core.fsmonitor": "false"}),
        capture_output=True,
        check=False,
    )
    return bool(done.stdout)
