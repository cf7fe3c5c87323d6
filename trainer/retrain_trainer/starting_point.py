"""What a training starts from: an earlier attempt's state, or the lock of an earlier version."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline.attempts import find_attempt
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.records import find_record
from retrain_trainer.pipeline.results import committed_values
from retrain_trainer.pipeline.state import (
    PipelineState,
    has_lock,
    restore_imports,
    restore_locks,
)
from retrain_trainer.registry.versions import Version
from retrain_trainer.report import Reporter


@dataclass(frozen=True)
class StartingPoint:
    """What of the work is done already."""

    done: frozenset[str] = frozenset()
    """Stages that an earlier attempt at this run has ended."""
    written: dict[str, str] = field(default_factory=dict)
    """What they wrote though it is no output."""
    metrics: tuple[str, ...] = ()
    """Which of that are metrics."""
    committed: dict[str, str] = field(default_factory=dict)
    """DVC's hash of what the repository's own dvc.lock has of a stage, by its addressing."""
    imports: tuple[str, ...] | None = None
    """Imports that an earlier attempt has updated; None if that is still to be done."""


def find_starting_point(
    project: Project,
    uid: str,
    commit: str | None,
    versions: Sequence[Version],
    environment: str,
    report: Reporter,
) -> StartingPoint:
    """Restore what the run ``uid`` can go on from into ``project``, for the environment's digest.

    A repository with a dvc.lock starts from that, another one from that of the newest version:
    results are found by themselves either way, and a state that does not fit costs nothing.

    Raises:
        RunFailed: SourceNotFound where an earlier attempt had another ``commit``, or the store.
    """
    committed = committed_values(project) if has_lock(project) else {}
    state = find_attempt(project, uid)
    if state is not None and state.commit != commit:
        raise RunFailed(
            Reason.SOURCE_NOT_FOUND,
            f"an earlier attempt at this run had commit {state.commit}, and this one was given"
            f" {commit}: somebody has changed the run in MLflow, or its tag retrain.dev/commit",
            "Start a new run: it trains what the revision means now.",
        )
    if state is not None and state.environment == environment:
        report.note("going on where an earlier attempt ended")
        restore_locks(project, state)
        restore_imports(project, state)
        imports = tuple(sorted(state.imports)) if state.updated else None
        return StartingPoint(
            frozenset(state.done), dict(state.written), tuple(state.metrics), committed, imports
        )
    if has_lock(project):
        return StartingPoint(committed=committed)
    for version in reversed(versions):
        if version.environment != environment or version.record is None:
            continue
        seed = find_record(project, version.record)
        if seed is not None and _seeded(project, seed, environment, report):
            report.note(f"starting from the dvc.lock of version {version.number}")
            break
    return StartingPoint()


def _seeded(project: Project, seed: PipelineState, environment: str, report: Reporter) -> bool:
    if seed.environment != environment:
        return False
    try:
        restore_locks(project, seed)
    except (RunFailed, ValueError) as error:
        report.note(f"an earlier dvc.lock cannot be used: {error}")
        return False
    return True
