"""Paths of dependencies and outputs."""

from dvc.output import Output


def local_path(entry: Output) -> str | None:
    """Absolute path of a dependency or output; None where it is no file of this machine."""
    # A table or a dataset has no path at all.
    return str(entry.fs_path) if getattr(entry, "protocol", None) == "local" else None


def related(path: str, other: str) -> bool:
    """Whether two paths are the same, or one lies in the other."""
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")
