"""What a training starts from: an earlier attempt's state, or the lock of an earlier version."""

from collections.abc import Sequence
from dataclasses import dataclass

from retrain_core.outcome import RunFailed
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.state import (
    PipelineState,
    current_lock_md5,
    has_lock,
    restore_state,
)
from retrain_trainer.registry.versions import Version
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.run import TrackedRun, read_state


@dataclass(frozen=True)
class StartingPoint:
    """What of the work is done already, and what must not be taken for done."""

    forced_done: frozenset[str] = frozenset()
    """Forced stages that an earlier attempt has ended."""
    force_all: bool = False
    """Whether every stage runs, as the lock is from another environment."""
    imports: tuple[str, ...] | None = None
    """Imports that an earlier attempt has updated; None if that is still to be done."""
    run_cache: bool = True
    """Whether results in DVC's run cache can be from this environment."""


def find_starting_point(
    project: Project,
    run: TrackedRun,
    versions: Sequence[Version],
    environment: str,
    report: Reporter,
) -> StartingPoint:
    """Restore what can be gone on from into ``project``, for the environment's digest."""
    state = _state(run, run.run_id, report) if run.resumed else None
    if state is not None and state.environment == environment:
        report.note("going on where an earlier attempt ended")
        restore_state(project, state, everything=True)
        imports = tuple(sorted(state.imports)) if state.updated else None
        return StartingPoint(frozenset(state.forced), state.force_all, imports)
    same = [version for version in versions if version.environment == environment]
    # The run cache does not tell environments apart.
    run_cache = bool(same) or not versions
    if has_lock(project):
        lock = current_lock_md5(project)
        known = [version for version in versions if version.lock_md5 == lock]
        if known and all(version.environment != environment for version in known):
            report.note("the environment has changed since: every stage runs")
            return StartingPoint(force_all=True, run_cache=run_cache)
        return StartingPoint(run_cache=run_cache)
    for version in reversed(same):
        seed = _state(run, version.training_run, report) if version.training_run else None
        if seed is not None:
            restore_state(project, seed, everything=False)
            report.note(f"starting from the dvc.lock of version {version.number}")
            break
    return StartingPoint(run_cache=run_cache)


def _state(run: TrackedRun, run_id: str, report: Reporter) -> PipelineState | None:
    """The state kept with a run; None too where it cannot be used: it saves work, no more."""
    try:
        text = read_state(run.client, run.tracking_uri, run_id)
        return PipelineState.model_validate_json(text) if text else None
    except (RunFailed, ValueError) as error:
        report.note(f"the state of the MLflow run {run_id} cannot be used: {error}")
        return None
