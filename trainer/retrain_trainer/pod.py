"""The two entry points of a pod: `source` in the init container, `train` in the main one."""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ValidationError

from retrain_core import names
from retrain_core.defaults import check_tracking_uri, problems_of
from retrain_core.outcome import OUTCOMES, Reason, RunFailed
from retrain_core.redact import redactor, secrets_in, values_from_secrets, without_userinfo
from retrain_core.result import Result, parse
from retrain_core.spec import TrainingRunSpec
from retrain_trainer.attempt import attempt, end, ending_or
from retrain_trainer.execution import Execution
from retrain_trainer.git_access import GitSecret
from retrain_trainer.interrupt import Interruption
from retrain_trainer.partial_result import PartialResult
from retrain_trainer.patience import Patience
from retrain_trainer.report import LogReporter, Redact, RedactingReporter
from retrain_trainer.source import prepare_source
from retrain_trainer.tracking.client import (
    MlflowClient,
    connect,
    credentials_to_environment,
    patient,
)
from retrain_trainer.tracking.run import (
    Attempt,
    TrackedRun,
    continue_attempt,
    find_or_open,
    take_over,
)
from retrain_trainer.tracking.variables import forget_choices

REPOSITORY = "repository"
STATE = "state"
ATTEMPT = "attempt.json"


@dataclass(frozen=True)
class Pod:
    """What the containers of a run are given."""

    spec: Path
    """The run's spec as JSON, mounted through the downward API."""
    workspace: Path
    """Volume that both containers share."""
    result: Path
    """Termination message file."""
    git_secret: Path | None
    """Where the git Secret is mounted; the init container's alone."""
    environment: Mapping[str, str]

    @property
    def repository(self) -> Path:
        return self.workspace / REPOSITORY

    def hand_over(self, attempt: Attempt) -> None:
        """Tell `train` which attempt at which MLflow run it is."""
        (self.workspace / ATTEMPT).write_text(json.dumps(asdict(attempt)))

    def attempt(self) -> Attempt | None:
        """What `source` has handed over; None where it was one of before there were tokens."""
        try:
            return Attempt(**json.loads((self.workspace / ATTEMPT).read_text()))
        except FileNotFoundError:
            return None

    def execution(self, tell: Callable[[str], None]) -> Execution:
        """The job, from the mounted spec and the variables that the Job sets.

        ``tell``: hears when a server is waited for.

        Raises:
            RunFailed: InvalidSpec.
        """
        try:
            spec = TrainingRunSpec.model_validate_json(self.spec.read_text())
        except OSError as error:
            raise RunFailed(Reason.INVALID_SPEC, f"{self.spec}: {error}") from error
        except ValidationError as error:
            raise RunFailed(Reason.INVALID_SPEC, problems_of(error)) from None
        uri = spec.mlflow.tracking_uri or self.environment.get("MLFLOW_TRACKING_URI")
        try:
            uri = check_tracking_uri(uri)
        except ValueError as error:
            raise RunFailed(Reason.INVALID_SPEC, f"spec.{error}") from None
        path = spec.source.git.path if spec.source.git else "."
        state = self.workspace / STATE
        state.mkdir(parents=True, exist_ok=True)
        return Execution(
            name=self.environment.get(names.RUN_NAME_VARIABLE, "run"),
            uid=self.environment[names.JOB_UID_VARIABLE],
            spec=spec,
            project=(self.repository / path).resolve(),
            state=state,
            tracking_uri=credentials_to_environment(uri),
            image=self.environment.get(names.IMAGE_VARIABLE),
            release=self.environment.get(names.RELEASE_VARIABLE),
            patience=Patience(spec.outage_tolerance_seconds, tell),
        )


def run_source(pod: Pod) -> int:
    """The init container; returns its exit code."""
    report, redact = _reporting(pod)
    partial_result = PartialResult()

    run: TrackedRun | None = None

    def work() -> None:
        nonlocal run
        execution = pod.execution(report.warn)
        secret = GitSecret(pod.git_secret) if pod.git_secret else None
        report.step("open the MLflow run")
        run, token = take_over(_open_run(execution))
        partial_result.mlflow = run.report()
        partial_result.commit = prepare_source(execution, run, pod.repository, secret, report)
        pod.hand_over(Attempt(run.run_id, token, partial_result.commit, execution.patience.waits))

    with Interruption().handled() as interruption:
        failure = ending_or(work, report, interruption, redact)
        # Reported while the run goes on: the status has both before the training has ended.
        result = partial_result.result(*(failure or ()))
        _write(pod, result, report)
        if run is not None and failure is not None:
            end(run, failure.reason, report)
    return _exit_code(result)


def run_train(pod: Pod) -> int:
    """The main container; returns its exit code."""
    report, redact = _reporting(pod)
    partial_result = PartialResult()

    def start() -> tuple[Execution, TrackedRun]:
        execution = pod.execution(report.warn)
        forget_choices(os.environ)
        if (begun := pod.attempt()) is not None:
            execution.patience.waits.extend(begun.waits)
            execution.patience.answered.add(without_userinfo(execution.tracking_uri))
            return execution, execution.patience.through(
                lambda: continue_attempt(_client(execution), execution, begun)
            )
        return execution, take_over(_open_run(execution))[0]

    def write(result: Result) -> None:
        _write(pod, result, report)

    with Interruption().handled() as interruption:
        result = attempt(start, partial_result, report, interruption, redact, write)
    return _exit_code(result)


def _open_run(execution: Execution) -> TrackedRun:
    # Again from the start: a run whose opening was not answered is found by its tag.
    return execution.patience.through(lambda: find_or_open(_client(execution), execution))


def _client(execution: Execution) -> MlflowClient:
    return patient(connect(execution.tracking_uri), execution.tracking_uri, execution.patience)


def _reporting(pod: Pod) -> tuple[RedactingReporter, Redact]:
    secrets = secrets_in(os.environ)
    # What is wrong with the spec is told as the run's end.
    with suppress(OSError, ValueError):
        spec = TrainingRunSpec.model_validate_json(pod.spec.read_text())
        secrets |= values_from_secrets(spec.pod, os.environ)
    if pod.git_secret is not None and pod.git_secret.is_dir():
        keys = ("password", "ssh-privatekey")
        files = (pod.git_secret / key for key in keys)
        secrets |= {file.read_text().strip() for file in files if file.is_file()}
    redact = redactor(secrets)
    return RedactingReporter(LogReporter(), redact), redact


def _write(pod: Pod, result: Result, report: RedactingReporter) -> None:
    outcome = OUTCOMES[result.reason] if result.reason else None
    if outcome is not None:
        report.step(f"{outcome.reason}: {result.message}")
        if not outcome.succeeded:
            report.note(result.remedy or outcome.remedy)
    text = result.dump()
    if parse(text) != result:
        report.note("not all of this fits into the run's status: see its MLflow run for the rest")
    try:
        pod.result.write_text(text)
    except OSError as error:
        report.warn(f"the result cannot be written: {error}")


def _exit_code(result: Result) -> int:
    return OUTCOMES[result.reason].exit_code if result.reason else 0
