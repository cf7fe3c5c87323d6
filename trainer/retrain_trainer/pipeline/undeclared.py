"""Files that a stage writes without saying so, as git sees them: no other clone gets them."""

import os
import subprocess
from pathlib import Path

from retrain_trainer.git_access import git_settings, without_git
from retrain_trainer.pipeline.paths import related
from retrain_trainer.pipeline.project import Project

_OF_DVC = (".dvc", ".gitignore", "dvc.lock")


def changed_files(project: Project) -> frozenset[str]:
    """Paths, from the folder that holds .dvc, that differ from the commit; not what git ignores."""
    settings = {"safe.directory": "*", "core.fsmonitor": "false", "status.relativePaths": "true"}
    done = subprocess.run(
        ["git", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", "."],
        cwd=project.repo.root_dir,
        env=without_git(os.environ) | git_settings(settings) | {"GIT_OPTIONAL_LOCKS": "0"},
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )
    # Two letters and a blank stand before a path, which is seen from the top of the repository.
    top = _top(Path(project.repo.root_dir))
    names = (entry[3:] for entry in done.stdout.split("\0") if entry)
    return frozenset(project.relative_to_root(str(top / name)) for name in names)


def undeclared(project: Project, before: frozenset[str], known: set[str]) -> list[str]:
    """What has changed since ``before``, without outputs, files of DVC and what is ``known``."""
    produced = [project.relative_to_root(path) for path in project.producers()]
    return sorted(
        name
        for name in changed_files(project) - before - known
        if not name.endswith(_OF_DVC) and not any(related(name, out) for out in produced)
    )


def _top(folder: Path) -> Path:
    return next((up for up in (folder, *folder.parents) if (up / ".git").exists()), folder)
