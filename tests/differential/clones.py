"""Two clones of one repository, the edits of a step made in both."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dvc.repo import Repo

from differential.project import KEPT, Project
from differential.steps import Step
from servers.git_repos import git_environment


def new_repository(folder: Path, store: Path, manifest: str) -> None:
    """An empty DVC project in git whose remote is the folder ``store``."""
    store.mkdir(exist_ok=True)
    (folder / ".dvc").mkdir(parents=True)
    config = ["[core]", "remote = store", "analytics = false", "['remote \"store\"']"]
    (folder / ".dvc" / "config").write_text("\n".join([*config, f"url = {store}", ""]))
    (folder / ".dvc" / ".gitignore").write_text("/config.local\n/tmp\n/cache\n")
    (folder / "trainingrun.yaml").write_text(manifest)
    git(folder, "init", "--quiet")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=git_environment(), check=True)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)


def edit(folder: Path, before: Project | None, step: Step) -> None:
    """Make the edits of ``step`` in the clone ``folder``."""
    old = _written(before) if before else {}
    new = _written(step.project)
    for path in old.keys() - new.keys():
        (folder / path).unlink()
    for path, content in new.items():
        if old.get(path) != content:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content)
    if step.dvc_add:
        with own_process_state(folder), Repo(str(folder)) as repo:
            repo.add(list(step.dvc_add))
    if step.commit:
        commit(folder, step.what)


def share(author: Path, other: Path) -> None:
    """What ``author`` has pushed and committed arrives in ``other``."""
    with own_process_state(author), Repo(str(author)) as repo:
        repo.push()
    commit(author, "dvc repro")
    shutil.copy(author / "dvc.lock", other / "dvc.lock")
    if (author / KEPT).is_dir():
        shutil.copytree(author / KEPT, other / KEPT, dirs_exist_ok=True)
    commit(other, "as the colleague has it")


@contextmanager
def own_process_state(folder: Path) -> Iterator[None]:
    """Work in ``folder``; the directory and the variables are as before afterwards."""
    kept, here = dict(os.environ), Path.cwd()
    os.environ["DVC_SITE_CACHE_DIR"] = str(folder.parent / f"{folder.name}.site")
    os.environ["DVC_NO_ANALYTICS"] = "1"
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(kept)


def content(path: Path) -> Mapping[str, bytes] | None:
    """Bytes by name of a folder's files, or of the one file under the name ``""``."""
    if path.is_dir():
        found = (file for file in path.rglob("*") if file.is_file())
        return {str(file.relative_to(path)): file.read_bytes() for file in found}
    return {"": path.read_bytes()} if path.is_file() else None


def _written(project: Project) -> dict[str, str]:
    return project.files() | project.data(dvc=True)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
