"""What of a work tree is in no commit: nobody else can train it again."""

from collections.abc import Collection
from dataclasses import dataclass, replace

SHOWN = 5


@dataclass(frozen=True)
class Uncommitted:
    """Paths relative to the project's folder, by what is the matter with them."""

    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()
    """With changes of their own, or at another commit."""
    data: tuple[str, ...] = ()
    """Tracked by DVC, and edited since."""
    repository: bool = True
    """Whether there is a commit to differ from."""

    def __bool__(self) -> bool:
        return bool(self.paths) or not self.repository

    @property
    def paths(self) -> tuple[str, ...]:
        return (*self.changed, *self.untracked, *self.submodules, *self.data)

    def without_outputs(self, outs: Collection[str]) -> "Uncommitted":
        """Without untracked files that DVC knows as outputs: they follow from the rest."""
        rest = [path for path in self.untracked if not _is_below(path, outs)]
        return replace(self, untracked=tuple(rest))

    def __str__(self) -> str:
        if not self.repository:
            return "there is no commit"
        counts = (
            (len(self.changed), "file changed", "files changed"),
            (len(self.untracked), "untracked", "untracked"),
            (len(self.submodules), "submodule changed", "submodules changed"),
            (len(self.data), "edited since `dvc add`", "edited since `dvc add`"),
        )
        told = ", ".join(f"{n} {one if n == 1 else more}" for n, one, more in counts if n)
        return f"{told}: {self.named()}" if told else "nothing"

    def named(self) -> str:
        """The first paths."""
        names = [_plain(path) for path in self.paths]
        more = len(names) - SHOWN
        return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _is_below(path: str, outs: Collection[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:end]) in outs for end in range(1, len(parts) + 1))


def _plain(path: str) -> str:
    """Bytes that are no UTF-8, and what a terminal would obey, as escapes."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
