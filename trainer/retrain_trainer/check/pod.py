"""The two entry points of a check's pod: `look` in the init container, `check` in the main one."""

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from retrain_core.defaults import check_tracking_uri, problems_of
from retrain_core.evidence import Task
from retrain_core.outcome import OUTCOMES, Reason, RunFailed
from retrain_core.redact import redactor, secrets_in, values_from_secrets
from retrain_trainer.check.context import CheckContext
from retrain_trainer.check.handover import Handover, look_outside
from retrain_trainer.check.run import check
from retrain_trainer.check.time_budget import TimeBudget
from retrain_trainer.git_access import GitSecret
from retrain_trainer.report import LogReporter, Redact, RedactingReporter, Reporter

MAX_MESSAGE = 1000
_ENVIRONMENT = {"AWS_MAX_ATTEMPTS": "3"}
"""Instead of botocore's five: a busy node may miss one, and the next check is near."""


@dataclass(frozen=True)
class CheckPod:
    """What the container of a check is given."""

    task: Path
    """The task as JSON, mounted through the downward API."""
    workspace: Path
    """Volume that is written to."""
    result: Path
    """Termination message file."""
    git_secret: Path | None
    """Where the git Secret is mounted."""
    metrics_secrets: Path | None
    """Below it the Secret of each metric trigger that has one, in a folder of its name."""
    environment: Mapping[str, str]

    def metric_secret(self, trigger: str) -> dict[str, str]:
        """The keys of a trigger's Secret."""
        if self.metrics_secrets is None:
            return {}
        return _keys(self.metrics_secrets / trigger)


def run_look(pod: CheckPod) -> int:
    """The init container: what needs credentials that the other has not; returns its exit code."""

    def work(task: Task, context: CheckContext) -> bool:
        look_outside(task.triggers, context, task.timeout_seconds).write(context.scratch)
        return True

    return _run(pod, work)


def run_check(pod: CheckPod) -> int:
    """The main container; returns its exit code: 0 where it could report, whatever it has seen."""

    def work(task: Task, context: CheckContext) -> bool:
        before = Handover.read(context.scratch)
        failure = before.failure
        fetched = RunFailed(failure.reason, failure.message) if failure else True
        left = len(task.triggers) - len(before.seen)
        budget = TimeBudget(before.ends, left) if before.ends is not None else None
        whole = replace(context, fetched=fetched, budget=budget)
        reports = check(task.triggers, whole, before.seen)
        return all(_write(pod, seen.dump(), context.report) for seen in reports)

    return _run(pod, work)


def _run(pod: CheckPod, work: Callable[[Task, CheckContext], bool]) -> int:
    redact = redactor(_secrets(pod))
    report = RedactingReporter(LogReporter(), redact)
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    try:
        task = _task(pod)
        done = work(task, _context(pod, task, redact, report))
    except RunFailed as failure:
        report.step(f"{failure.reason}: {failure.message}")
        report.note(failure.remedy)
        _write(pod, redact(failure.message)[:MAX_MESSAGE], report)
        return failure.outcome.exit_code
    return 0 if done else OUTCOMES[Reason.INTERNAL_ERROR].exit_code


def _task(pod: CheckPod) -> Task:
    try:
        return Task.model_validate_json(pod.task.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise RunFailed(Reason.INVALID_SPEC, f"{pod.task}: {error}") from error
    except ValidationError as error:
        raise RunFailed(Reason.INVALID_SPEC, problems_of(error)) from None


def _context(pod: CheckPod, task: Task, redact: Redact, report: RedactingReporter) -> CheckContext:
    if clocks := [trigger.name for trigger in task.triggers if trigger.cron is not None]:
        raise RunFailed(Reason.INVALID_SPEC, f"triggers: {', '.join(clocks)}: a clock is not seen")
    scratch = pod.workspace / "check"
    scratch.mkdir(parents=True, exist_ok=True)
    return CheckContext(
        run=task.run,
        scratch=scratch.resolve(),
        access=GitSecret(pod.git_secret) if pod.git_secret else None,
        metric_secrets=pod.metric_secret,
        redact=redact,
        report=report,
        tracking_uri=_tracking_uri(pod, task),
        known=task.known,
    )


def _tracking_uri(pod: CheckPod, task: Task) -> str | None:
    """None where there is none: drift alone needs it."""
    named = task.run.mlflow.tracking_uri or pod.environment.get("MLFLOW_TRACKING_URI")
    if named is None or not any(trigger.drift for trigger in task.triggers):
        return None
    from retrain_trainer.tracking.client import credentials_to_environment

    try:
        return credentials_to_environment(check_tracking_uri(named))
    except ValueError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"run.{error}") from None


def _secrets(pod: CheckPod) -> set[str]:
    found = secrets_in(os.environ)
    with suppress(RunFailed):
        found |= values_from_secrets(_task(pod).run.pod, os.environ)
    if pod.git_secret is not None:
        keys = _keys(pod.git_secret)
        found |= {keys[key] for key in ("password", "ssh-privatekey") if key in keys}
    if pod.metrics_secrets is not None and pod.metrics_secrets.is_dir():
        for folder in pod.metrics_secrets.iterdir():
            keys = _keys(folder)
            found |= {keys[key] for key in ("password", "token") if key in keys}
            if "password" in keys:
                # As it travels.
                pair = f"{keys.get('username', '')}:{keys['password']}"
                found.add(b64encode(pair.encode()).decode())
    return found


def _keys(folder: Path) -> dict[str, str]:
    """The keys of a mounted Secret; some tools end a value with a line feed."""
    if not folder.is_dir():
        return {}
    files = (file for file in folder.iterdir() if file.is_file())
    return {file.name: file.read_text(errors="replace").rstrip("\n") for file in files}


def _write(pod: CheckPod, text: str, report: Reporter) -> bool:
    try:
        pod.result.write_text(text)
    except OSError as error:
        report.warn(f"the report cannot be written: {error}")
        return False
    return True
