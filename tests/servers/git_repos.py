"""Bare repositories for the git servers, made and moved on by commits with fixed authors."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

Want = Literal["none", "reachable", "any"]
FIRST_COMMIT = datetime(2025, 1, 1, tzinfo=UTC)
IDENTITY = {
    "GIT_AUTHOR_NAME": "Test Author",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "Test Author",
    "GIT_COMMITTER_EMAIL": "author@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git_environment() -> dict[str, str]:
    """For any git in a test: not the developer's settings, nor the repository of a git hook."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**own, **IDENTITY}


@dataclass(frozen=True)
class Gitlink:
    """In place of a file's content: a submodule at this commit."""

    commit: str


@dataclass(frozen=True)
class BareRepository:
    path: Path

    @classmethod
    def create(
        cls, path: Path, tree: Path | Mapping[str, str | bytes], *, branch: str = "main"
    ) -> "BareRepository":
        """With one commit of `tree`: a folder (its .gitignore counts), or contents by path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        repository = cls(path)
        command = ["git", "init", "--quiet", "--bare", f"--initial-branch={branch}", str(path)]
        subprocess.run(command, env=git_environment(), check=True)
        if isinstance(tree, Path):
            repository.commit_tree(tree, branch=branch)
        else:
            repository.commit(tree, branch=branch)
        return repository

    def commit(
        self,
        changes: Mapping[str, str | bytes | Gitlink | None],
        *,
        branch: str = "main",
        message: str = "Change files",
    ) -> str:
        """Writes the given files, deletes those that are None, leaves all others; gives the SHA."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            parent = self._find(f"refs/heads/{branch}")
            if parent:
                self._git("read-tree", parent, env=index)
            for name, content in changes.items():
                self._stage(name, content, index)
            return self._commit_index(index, branch, message)

    def commit_tree(self, tree: Path, *, branch: str = "main", message: str = "Change tree") -> str:
        """Makes the branch's content that of a folder; gives the SHA."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._git("--work-tree", str(tree), "add", "--all", env=index, cwd=tree)
            return self._commit_index(index, branch, message)

    def branch(self, name: str, at: str) -> None:
        """Makes or moves a branch, forwards or back."""
        self._git("update-ref", f"refs/heads/{name}", self.sha(at))

    def delete_branch(self, name: str) -> None:
        self._git("update-ref", "-d", f"refs/heads/{name}")

    def tag(self, name: str, at: str = "main", *, message: str | None = None) -> str:
        """Annotated if there is a message; gives the SHA of the commit."""
        annotation = [] if message is None else ["--annotate", "--message", message]
        self._git("tag", "--force", *annotation, name, self.sha(at), env=self._dates())
        return self.sha(name)

    def sha(self, revision: str = "main") -> str:
        return self._git("rev-parse", "--verify", f"{revision}^{{commit}}")

    def write(self, kind: Literal["blob", "tree", "commit"], content: bytes) -> str:
        """An object, malformed or not; gives its id."""
        return self._git("hash-object", "-t", kind, "-w", "--literally", "--stdin", data=content)

    def allow_sha_in_want(self, which: Want) -> None:
        """What a client may ask for that no ref points at (protocol 2 clients: always any)."""
        # In this order, as git adds up the two, and a later "false" takes bits of "any" away.
        for setting, allowed in (("Any", which == "any"), ("Reachable", which != "none")):
            self._git("config", f"uploadpack.allow{setting}SHA1InWant", str(allowed).lower())

    def allow_filter(self) -> None:
        """Clients may leave out the contents of files, as with all that host repositories."""
        self._git("config", "uploadpack.allowFilter", "true")

    def _stage(
        self, name: str, content: str | bytes | Gitlink | None, index: Mapping[str, str]
    ) -> None:
        if content is None:
            self._git("rm", "--cached", "--quiet", "-r", "--", name, env=index)
            return
        if isinstance(content, Gitlink):
            link = f"160000,{content.commit},{name}"
            self._git("update-index", "--add", "--cacheinfo", link, env=index)
            return
        data = content.encode() if isinstance(content, str) else content
        blob = self._git("hash-object", "-w", "--stdin", data=data)
        known = self._git("ls-files", "--stage", "--", name, env=index)
        mode = known.split()[0] if known else "100644"
        self._git("update-index", "--add", "--cacheinfo", f"{mode},{blob},{name}", env=index)

    def _commit_index(self, index: Mapping[str, str], branch: str, message: str) -> str:
        tree = self._git("write-tree", env=index)
        parent = self._find(f"refs/heads/{branch}")
        parents = ["-p", parent] if parent else []
        commit = self._git("commit-tree", tree, *parents, "-m", message, env=self._dates())
        self._git("update-ref", f"refs/heads/{branch}", commit)
        return commit

    def _dates(self) -> Mapping[str, str]:
        """Fixed, and a minute later with each commit, as tags and logs are sorted by time."""
        commits = int(self._git("rev-list", "--all", "--count"))
        date = (FIRST_COMMIT + timedelta(minutes=commits)).isoformat()
        return {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}

    def _find(self, ref: str) -> str:
        return self._git("for-each-ref", "--format=%(objectname)", ref)

    def _git(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        data: bytes = b"",
        cwd: Path | None = None,
    ) -> str:
        done = subprocess.run(
            ["git", "--git-dir", str(self.path.resolve()), *arguments],
            env={**git_environment(), **(env or {})},
            input=data,
            cwd=cwd,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.decode().strip()}")
        return done.stdout.decode().strip()
