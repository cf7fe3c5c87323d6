"""What a person does between two runs."""

from dataclasses import dataclass

from differential.project import Project


@dataclass(frozen=True)
class Step:
    """An edit, then a run on each side."""

    what: str
    project: Project
    """The project after the edit."""
    dvc_add: tuple[str, ...] = ()
    """Sources that are added to DVC after it: others stay edited in the work tree alone."""
    commit: bool = False
    colleague: bool = False
    """Whether the run before was pushed, and its dvc.lock committed, as a colleague does."""
    deleted: tuple[str, ...] = ()
    """Outputs that are deleted from the disk."""


@dataclass(frozen=True)
class Case:
    """A project and what happens to it."""

    seed: int
    steps: tuple[Step, ...]
    model: bool
    """Whether the manifest names a model to register."""
