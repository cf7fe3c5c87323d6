"""One attempt at a run, from start to result, whatever happens in between."""

import traceback
from collections.abc import Callable
from datetime import UTC, datetime

from retrain_core.outcome import OUTCOMES, Reason, RunFailed
from retrain_core.result import Result
from retrain_trainer.interrupt import Interrupted, Interruption
from retrain_trainer.job import Job
from retrain_trainer.progress import Progress
from retrain_trainer.report import Redact, Reporter
from retrain_trainer.steps import Training
from retrain_trainer.tracking.run import TrackedRun


def attempt(
    job: Job,
    run: TrackedRun,
    progress: Progress,
    report: Reporter,
    interruption: Interruption,
    redact: Redact,
) -> Result:
    """Train, and end the MLflow run as the training ended. Raises nothing."""
    progress.mlflow = run.report()
    progress.commit = progress.commit or run.commit or job.commit
    reason, message = outcome_of(
        lambda: Training(job, run, progress, report, interruption).execute(), report, redact
    )
    status = "FINISHED" if OUTCOMES[reason].succeeded else "FAILED"
    if reason is Reason.CANCELLED:
        status = "KILLED"
    try:
        run.end(status, reason)
    except RunFailed as failure:
        report.warn(f"the MLflow run could not be ended: {failure.message}")
    return progress.result(reason, redact(message))


def outcome_of(
    work: Callable[[], tuple[Reason, str]], report: Reporter, redact: Redact
) -> tuple[Reason, str]:
    """The outcome of ``work``, with everything it may raise turned into one."""
    try:
        return work()
    except RunFailed as failure:
        return failure.reason, failure.message
    except Interrupted:
        return Reason.CANCELLED, f"stopped from outside at {datetime.now(UTC):%H:%M:%S} UTC"
    except Exception as error:
        for line in redact(traceback.format_exc()).splitlines():
            report.note(line)
        return (
            Reason.INTERNAL_ERROR,
            f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}",
        )
