"""One attempt at a run, from start to result, whatever happens in between."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from retrain_core.outcome import OUTCOMES, Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_core.result import Result
from retrain_trainer.execution import Execution
from retrain_trainer.interrupt import Interrupted, Interruption
from retrain_trainer.partial_result import PartialResult
from retrain_trainer.patience import Patience
from retrain_trainer.refusal import no_space
from retrain_trainer.report import Redact, Reporter
from retrain_trainer.steps import Training
from retrain_trainer.tracking.children import end_children
from retrain_trainer.tracking.fence import waiting
from retrain_trainer.tracking.run import TrackedRun

_STOPPED_SECONDS = 3
_ENDED_SECONDS = 60


Done = TypeVar("Done")


class Ending(NamedTuple):
    """How a run ended."""

    reason: Reason
    message: str
    remedy: str | None = None
    """What to do, where the sentence of the reason's row does not fit."""


def attempt(
    start: Callable[[], tuple[Execution, TrackedRun]],
    partial_result: PartialResult,
    report: Reporter,
    interruption: Interruption,
    redact: Redact,
    write: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Train what ``start`` gives, and end its MLflow run as the training ended. Raises nothing.

    ``write`` gets the result before that, which takes a while where the server is away.
    """
    run: TrackedRun | None = None
    waits: list[str] = []

    def work() -> tuple[Reason, str]:
        nonlocal run, waits
        execution, run = start()
        waits = execution.patience.waits
        partial_result.mlflow = run.report()
        partial_result.commit = run.commit or execution.commit
        return Training(execution, run, partial_result, report, interruption).execute()

    ending = outcome_of(work, report, interruption, redact)
    ending = ending._replace(message="; ".join((ending.message, *map(redact, waits))))
    result = partial_result.result(*ending)
    write(result)
    if run is not None:
        end(run, ending.reason, report)
    return result


def outcome_of(
    work: Callable[[], tuple[Reason, str]],
    report: Reporter,
    interruption: Interruption,
    redact: Redact,
) -> Ending:
    """The outcome of ``work``, with everything it may raise turned into one; redacted."""
    done = ending_or(work, report, interruption, redact)
    return done if isinstance(done, Ending) else Ending(done[0], redact(done[1]))


def ending_or(
    work: Callable[[], Done], report: Reporter, interruption: Interruption, redact: Redact
) -> Done | Ending:
    """What ``work`` returns, or the outcome that follows from what it raises; redacted."""
    try:
        try:
            return work()
        finally:
            interruption.over()
    except RunFailed as failure:
        own = failure.own_remedy
        return Ending(failure.reason, redact(failure.message), redact(own) if own else None)
    except Interrupted:
        stopped = f"stopped from outside at {datetime.now(UTC):%H:%M:%S} UTC"
        return Ending(Reason.CANCELLED, stopped)
    except Exception as error:
        if no_space(error):
            return Ending(Reason.NO_SPACE_LEFT, redact(f"no space is left here: {error}")[:1000])
        for line in redact(traceback.format_exc()).splitlines():
            report.note(line)
        # What is cut within a secret is none to the redactor.
        text = f"{type(error).__name__}: {' '.join(redact(str(error)).split())[:1000]}"
        return Ending(Reason.INTERNAL_ERROR, text)


def end(run: TrackedRun, reason: Reason, report: Reporter) -> None:
    """End the MLflow run as the work ended, and those of its children that nothing will end.

    What was stopped from outside is killed soon, so that it waits for no server.
    """
    if reason is Reason.SUPERSEDED:
        # It is the other attempt's now.
        return
    status = "FINISHED" if OUTCOMES[reason].succeeded else "FAILED"
    if reason is Reason.CANCELLED:
        status = "KILLED"
    seconds = _STOPPED_SECONDS if reason is Reason.CANCELLED else _ENDED_SECONDS
    patience = Patience(seconds, report.note)
    patience.answered.add(without_userinfo(run.tracking_uri))
    client = waiting(run.client, run.tracking_uri, patience)
    run = replace(run, client=client)
    try:
        end_children(run)
        run.end(status, reason)
    except RunFailed as failure:
        report.warn(f"the MLflow run could not be ended: {failure.message}")
