"""What one git repository of the original is like: read, never written."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from retrain_cli.work_copy.git import names, run_git

GITLINK = 0o160000
_PLACES = (
    "objects",
    "shallow",
    "info/exclude",
    "info/attributes",
    "info/sparse-checkout",
    "logs/HEAD",
)


@dataclass(frozen=True)
class Entry:
    """An entry of the index."""

    name: str
    oid: str
    mode: int
    stage: int
    assume_unchanged: bool
    skip_worktree: bool


@dataclass(frozen=True)
class Original:
    """The git repository whose work tree's root is ``top``."""

    top: Path

    @cached_property
    def entries(self) -> list[Entry]:
        """The index, in its order."""
        return [_entry(line) for line in names(["ls-files", "-z", "-s", "-v"], self.top)]

    def untracked(self, below: str) -> list[str]:
        """Names of what is neither tracked nor ignored; of repositories inside with a `/` behind.

        Where the person has switched untracked files off, as in a home folder, only those
        ``below`` a folder are looked for.
        """
        where = ["--", below] if self._setting("status.showUntrackedFiles") == "no" else []
        look = ["--literal-pathspecs", "ls-files", "-z", "--others", "--exclude-standard"]
        return names([*look, *where], self.top)

    def ignores(self, folder: str) -> bool:
        """Whether ``folder`` is ignored as a whole."""
        if folder == "." or names(["--literal-pathspecs", "ls-files", "-z", folder], self.top):
            return False
        asked = run_git(["check-ignore", "--quiet", folder], self.top, check=False)
        return asked.returncode == 0

    @cached_property
    def object_format(self) -> str:
        """sha1 or sha256."""
        return run_git(["rev-parse", "--show-object-format"], self.top).stdout.strip()

    @cached_property
    def places(self) -> dict[str, Path]:
        """Where its git keeps what, a linked work tree's included."""
        asked = [part for place in _PLACES for part in ("--git-path", place)]
        done = run_git(["rev-parse", "--path-format=absolute", *asked], self.top)
        return dict(zip(_PLACES, map(Path, done.stdout.splitlines()), strict=True))

    def head(self) -> str:
        """The content of its HEAD: a branch, born or not, or a commit."""
        branch = run_git(["symbolic-ref", "--quiet", "HEAD"], self.top, check=False)
        if branch.returncode == 0:
            return f"ref: {branch.stdout.strip()}\n"
        return run_git(["rev-parse", "HEAD"], self.top).stdout

    def refs(self) -> list[tuple[str, str, str]]:
        """(name, object, name of the ref that it stands for, if it is symbolic), by name."""
        form = "--format=%(refname) %(objectname) %(symref)"
        printed = run_git(["for-each-ref", form], self.top).stdout
        return [
            (name, oid, symbolic)
            for name, oid, symbolic in (line.split(" ", 2) for line in printed.splitlines())
        ]

    def settings(self) -> list[tuple[str, str]]:
        """Its own configuration, that of included files too."""
        printed = run_git(["config", "--list", "--show-scope", "--includes", "-z"], self.top).stdout
        fields = printed.split("\0")
        own = [
            item
            for scope, item in zip(fields[::2], fields[1::2], strict=False)
            if scope in ("local", "worktree")
        ]
        pairs = (item.partition("\n") for item in own)
        return [(key, value if separator else "true") for key, separator, value in pairs]

    def intended(self) -> set[str]:
        """Names that were announced by `git add --intent-to-add`, without content."""
        empty = [entry.name for entry in self.entries if entry.oid.startswith(_EMPTY_BLOBS)]
        if not empty:
            return set()
        look = ["diff-files", "--name-only", "--diff-filter=A", "-z"]
        return set(names(look, self.top, settings=self.no_filters())) & set(empty)

    def touched(self) -> set[str]:
        """Names whose files the index does not vouch for: nothing is read to find out."""
        look = ["diff-files", "--name-only", "--ignore-submodules=all", "-z"]
        return set(names(look, self.top, settings=self.no_filters()))

    def no_filters(self) -> tuple[str, ...]:
        """A filter may write into `.git`, as that of Git LFS does."""
        done = run_git(
            ["config", "--name-only", "--get-regexp", r"^filter\."], self.top, check=False
        )
        found = {key.rsplit(".", 1)[0] for key in done.stdout.splitlines()}
        return tuple(
            f"{name}.{part}"
            for name in sorted(found)
            if "=" not in name
            for part in ("clean=", "process=", "required=false")
        )

    def _setting(self, key: str) -> str | None:
        done = run_git(["config", "--get", key], self.top, check=False)
        return done.stdout.strip() if done.returncode == 0 else None


_EMPTY_BLOBS = (
    "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)


def _entry(line: str) -> Entry:
    """From `H 100644 <object> 0<TAB>name`; the letter is lower case where unchanged is assumed."""
    told, name = line.split("\t", 1)
    letter, mode, oid, stage = told.split(" ")
    return Entry(
        name=name,
        oid=oid,
        mode=int(mode, 8),
        stage=int(stage),
        assume_unchanged=letter.islower(),
        skip_worktree=letter.upper() == "S",
    )
