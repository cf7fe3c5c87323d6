"""`retrain run`: the trainer on this machine, with the manifest of the cluster."""

import os
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retrain_cli.home import Home
from retrain_cli.manifest import read_manifest
from retrain_cli.output import own_stdout, print_run
from retrain_cli.progress import ConsoleReporter
from retrain_cli.summary import print_summary
from retrain_cli.surroundings import activate, forget_other_runs, refuse_no_project
from retrain_cli.work_copy.git import forget_repository, head
from retrain_core.outcome import OUTCOMES, Reason, RunFailed
from retrain_core.redact import redactor, secrets_in
from retrain_core.result import ModelVersion, Result
from retrain_core.spec import TrainingRun
from retrain_trainer.execution import Execution, LocalStores, WorkTree
from retrain_trainer.interrupt import Interrupted, Interruption
from retrain_trainer.partial_result import PartialResult, VersionContent
from retrain_trainer.patience import Patience
from retrain_trainer.report import Redact, RedactingReporter, Reporter, own_stderr

OUTAGE_SECONDS = 10
"""How long servers may be away: a person waits."""

if TYPE_CHECKING:
    from retrain_trainer.tracking.run import TrackedRun


@dataclass(frozen=True)
class Options:
    """What was typed."""

    filename: Path
    source: Path | None
    overrides: tuple[str, ...]
    smoke: bool
    publish: bool
    output: str | None
    verbose: bool


def run_manifest(options: Options) -> int:
    """Carry out `retrain run`; returns its exit code."""
    redact = redactor(secrets_in(os.environ))
    forget_other_runs()
    with own_stdout() as stdout:
        reporter = ConsoleReporter(own_stderr(), verbose=options.verbose)
        started = datetime.now(UTC)
        partial_result = PartialResult()
        run: TrainingRun | None = None
        home: Home | None = None
        try:
            run = read_manifest(options.filename, options.overrides)
            home = Home.of(options.source or options.filename.parent)
            refuse_no_project(home.source, named=options.source is not None)
            result = _execute(run, home, options, partial_result, reporter, redact)
        except RunFailed as failure:
            result = partial_result.result(
                failure.reason, redact(failure.message), failure.own_remedy
            )
        except (Interrupted, KeyboardInterrupt):
            result = partial_result.result(Reason.CANCELLED, "stopped")
        reporter.close()
        ended = datetime.now(UTC)
        if options.output and run is not None:
            print_run(stdout, options.output, run, result, started, ended)
        promotion = run.spec.model.promotion if run and run.spec.model else None
        print_summary(
            reporter.stream,
            result,
            partial_result,
            home,
            alias=promotion.alias if promotion else None,
            smoke=options.smoke,
        )
    reason = result.reason or Reason.INTERNAL_ERROR
    return OUTCOMES[reason].exit_code


def _execute(
    run: TrainingRun,
    home: Home,
    options: Options,
    partial_result: PartialResult,
    console: ConsoleReporter,
    redact: Redact,
) -> Result:
    report = RedactingReporter(console, redact)
    interruption = Interruption()
    if (environment := activate()) is not None:
        report.note(f"stages use the Python environment {environment}")
    if options.publish and options.smoke:
        raise RunFailed(
            Reason.INVALID_SPEC,
            "--publish and --smoke exclude each other",
            "Leave one of them out.",
        )
    forget_repository()
    with home.locked(), interruption.handled():
        # mlflow and dvc take seconds to import: a wrong manifest is told before.
        from retrain_trainer.attempt import attempt, outcome_of
        from retrain_trainer.tracking.client import connect, patient
        from retrain_trainer.tracking.run import TrackedRun, find_or_open
        from retrain_trainer.tracking.variables import forget_choices

        forget_choices(os.environ)
        if options.smoke:
            from retrain_cli.smoke import smoke

            ending = outcome_of(
                lambda: smoke(run, home, partial_result, report, interruption),
                report,
                interruption,
                redact,
            )
            return partial_result.result(*ending)
        from retrain_cli.local_tracking import local_tracking

        with local_tracking(home) as stage_tracking_uri:
            opened: TrackedRun | None = None

            def start() -> tuple[Execution, TrackedRun]:
                nonlocal opened
                partial_result.commit = head(home.source)
                execution = _execution(run, home, options, partial_result.commit, report)
                console.log_to(home.logs / f"{execution.uid}.log")
                report.step("open the MLflow run")
                client = patient(
                    connect(execution.tracking_uri), execution.tracking_uri, execution.patience
                )
                opened = tracked = find_or_open(client, execution)
                if execution.commit and not tracked.commit:
                    tracked.record_commit(execution.commit)
                if not options.publish:
                    execution = replace(execution, stage_tracking_uri=stage_tracking_uri)
                return execution, tracked

            result = attempt(start, partial_result, report, interruption, redact)
            if opened is not None and result.model is not None:
                partial_result.content = _content(opened, result.model)
            return result


def _content(run: "TrackedRun", model: ModelVersion) -> VersionContent | None:
    """What the version holds; None where that cannot be told, which is no reason to fail."""
    from retrain_trainer.registry.mlflow_registry import MLflowRegistry

    registry = MLflowRegistry(run.client, run.tracking_uri, model.name)
    try:
        return registry.content(int(model.version)) if model.version else None
    except (RunFailed, OSError, ValueError):
        return None


def _execution(
    run: TrainingRun, home: Home, options: Options, commit: str | None, report: Reporter
) -> Execution:
    tracking_uri = _published_tracking_uri(run) if options.publish else home.tracking_uri
    copy = home.copy_project()
    if copy.unreadable:
        report.warn(f"files that cannot be read are left out: {', '.join(copy.unreadable[:5])}")
    local = LocalStores(copy.dvc_root, write=home.remote, publish=options.publish)
    execution = Execution(
        name=run.metadata.name or f"{run.metadata.generate_name}{uuid.uuid4().hex[:5]}",
        uid=str(uuid.uuid4()),
        spec=run.spec,
        project=copy.project,
        state=home.folder,
        tracking_uri=tracking_uri,
        local=local,
        commit=commit,
        work_tree=WorkTree(copy.dvc_root, copy.uncommitted),
        patience=Patience(OUTAGE_SECONDS, report.warn),
    )
    if options.publish:
        from retrain_cli.publish import refuse_uncommitted

        refuse_uncommitted(execution, home, report)
    return execution


def _published_tracking_uri(run: TrainingRun) -> str:
    uri = run.spec.mlflow.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise RunFailed(
            Reason.INVALID_SPEC,
            "--publish needs a tracking server, and none is named",
            "Name it in spec.mlflow.trackingURI, or in MLFLOW_TRACKING_URI.",
        )
    from retrain_trainer.tracking.client import credentials_to_environment

    return credentials_to_environment(uri)
