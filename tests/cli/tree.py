"""A git work tree of a person, and its copy."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from retrain_cli.work_copy.project import WorkCopy, copy_project
from servers.git_repos import git_environment
from support.toy import write_files

FILES = {
    ".dvc/config": "[core]\n    analytics = false\n",
    ".gitignore": "/ignored\n/.retrain\n",
    "dvc.yaml": "stages: {}\n",
    "src/train.py": "print(1)\n",
    "src/empty.py": "",
    "notes.txt": "one\n",
}
ASKED = (
    "rev-parse HEAD",
    "rev-parse --short HEAD",
    "symbolic-ref --quiet HEAD",
    "describe --always --dirty --tags --long",
    "ls-files -s -v",
    "ls-files --others --exclude-standard",
    "status --porcelain=v2 --branch --untracked-files=all",
    "log --oneline -9",
    "reflog",
    "for-each-ref",
    "submodule status --recursive",
    "remote --verbose",
    "diff HEAD",
    "diff --cached",
    "rev-parse --show-prefix",
)


@dataclass(frozen=True)
class Tree:
    """A git work tree in ``path``; its project is the folder ``project`` in it."""

    path: Path
    project: str = "."

    @classmethod
    def start(cls, path: Path, *options: str) -> "Tree":
        """A repository with one tagged commit."""
        tree = cls(write_files(path, FILES))
        tree.git("init", "--quiet", "--initial-branch=main", *options)
        tree.commit()
        tree.git("tag", "v1")
        return tree

    def git(self, *arguments: str) -> str:
        return ask(self.path, *arguments, check=True)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def write(self, name: str, text: str) -> None:
        write_files(self.path, {name: text})

    @property
    def source(self) -> Path:
        return (self.path / self.project).resolve()

    def copy(self) -> WorkCopy:
        home = self.source / ".retrain"
        home.mkdir(exist_ok=True)
        (home / ".gitignore").write_text("*\n")
        return copy_project(self.source, home / "work", home / "work.json")

    def answers(self) -> dict[str, str]:
        return answers(self.source)

    def git_digest(self) -> str:
        """Of each file that git keeps, its times too; reading a split index touches one."""
        found = hashlib.sha256()
        places = ("--git-common-dir", "--git-dir")
        for place in self.git("rev-parse", "--path-format=absolute", *places).split():
            for path in sorted(Path(place).rglob("*")):
                time = 0 if path.name.startswith("sharedindex.") else path.stat().st_mtime_ns
                found.update(f"{path} {time}\n".encode())
                found.update(path.read_bytes() if path.is_file() else b"")
        return found.hexdigest()


def ask(folder: Path, *arguments: str, check: bool = False) -> str:
    """What git prints in ``folder``, errors too; it writes nothing that it need not."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env=git_environment() | {"GIT_OPTIONAL_LOCKS": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="surrogateescape",
        check=check,
    )
    return done.stdout


def answers(folder: Path) -> dict[str, str]:
    """What git says of the repository around ``folder``."""
    return {question: ask(folder, *question.split(" ")) for question in ASKED}


def contents(root: Path) -> dict[str, object]:
    """Every file below ``root`` but those of git and `.retrain/`: bytes and mode, or a link."""
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", ".retrain")]
        for name in set(files) - {".git"}:
            path = Path(folder) / name
            if path.is_symlink():
                found[str(path.relative_to(root))] = os.readlink(path)
            elif path.is_file():
                key = str(path.relative_to(root))
                found[key] = (path.read_bytes(), path.stat().st_mode & 0o777)
    return found
