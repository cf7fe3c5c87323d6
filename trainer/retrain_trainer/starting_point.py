"""What a training starts from: an earlier attempt's state, or the lock of an earlier version."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from retrain_core.outcome import RunFailed
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.records import record_path
from retrain_trainer.pipeline.results import committed_values
from retrain_trainer.pipeline.state import (
    PipelineState,
    has_lock,
    restore_imports,
    restore_locks,
)
from retrain_trainer.registry.versions import Version
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.run import STATE, TrackedRun, read_state


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
    run: TrackedRun,
    versions: Sequence[Version],
    environment: str,
    report: Reporter,
) -> StartingPoint:
    """Restore what can be gone on from into ``project``, for the environment's digest.

    A repository with a dvc.lock starts from that, another one from that of the newest version:
    results are found by themselves either way, and a state that does not fit costs nothing.
    """
    committed = committed_values(project) if has_lock(project) else {}
    state = _state(run, run.run_id, report) if run.resumed else None
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
        if version.environment != environment or not version.training_run:
            continue
        path = record_path(version.record) if version.record else STATE
        seed = _state(run, version.training_run, report, path)
        if seed is not None and _seeded(project, seed, report):
            report.note(f"starting from the dvc.lock of version {version.number}")
            break
    return StartingPoint()


def _seeded(project: Project, seed: PipelineState, report: Reporter) -> bool:
    try:
        restore_locks(project, seed)
    except (RunFailed, ValueError) as error:
        report.note(f"an earlier dvc.lock cannot be used: {error}")
        return False
    return True


def _state(
    run: TrackedRun, run_id: str, report: Reporter, path: str = STATE
) -> PipelineState | None:
    """The state kept with a run; None too where it cannot be used: it saves work, no more."""
    try:
        text = read_state(run.client, run.tracking_uri, run_id, path)
        return PipelineState.model_validate_json(text) if text else None
    except (RunFailed, ValueError) as error:
        report.note(f"the state of the MLflow run {run_id} cannot be used: {error}")
        return None
