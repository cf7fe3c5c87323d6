"""`retrain check`: what each trigger of a RetrainSchedule sees now, and what would follow."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retrain_cli.home import Home
from retrain_cli.manifest import parsed, read_text
from retrain_cli.outlook import Outlook, of_clock, of_evidence, print_outlooks
from retrain_cli.output import own_stdout
from retrain_cli.printable import print_failure
from retrain_cli.progress import ConsoleReporter
from retrain_cli.work_copy.project import find_root
from retrain_core.evidence import Report, about, looked_at
from retrain_core.outcome import OUTCOMES, Reason, RunFailed
from retrain_core.redact import redactor, secrets_in
from retrain_core.spec import RetrainSchedule, parse_retrain_schedule
from retrain_trainer.execution import LocalStores
from retrain_trainer.git_access import OwnGit
from retrain_trainer.report import Redact, RedactingReporter, own_stderr

_METRIC_SECRETS = {
    "username": "PROMETHEUS_USERNAME",
    "password": "PROMETHEUS_PASSWORD",
    "token": "PROMETHEUS_TOKEN",
}


@dataclass(frozen=True)
class Options:
    """What was typed."""

    filename: Path
    source: Path | None
    output: str | None


def check_manifest(options: Options) -> int:
    """Carry out `retrain check`; returns its exit code."""
    redact = redactor(secrets_in(os.environ))
    with own_stdout() as stdout:
        console = ConsoleReporter(own_stderr(), verbose=False)
        try:
            outlooks = _outlooks(options, RedactingReporter(console, redact), redact)
        except RunFailed as failure:
            console.close()
            return print_failure(failure, redact)
        console.close()
        print_outlooks(stdout, outlooks, options.output)
    return _exit_code(outlooks)


def _exit_code(outlooks: list[Outlook]) -> int:
    """0 where all could be looked at, else the code of the first reason that has one, else 1."""
    reasons = [outlook.finding for outlook in outlooks if not outlook.could_look]
    if not reasons:
        return 0
    return OUTCOMES[Reason(reasons[0])].exit_code if reasons[0] in set(Reason) else 1


def _outlooks(options: Options, report: RedactingReporter, redact: Redact) -> list[Outlook]:
    text = read_text(options.filename)
    schedule = parsed(options.filename, text, parse_retrain_schedule)
    home = Home.of(options.source or options.filename.parent)
    triggers = schedule.spec.triggers
    known = known_of(schedule)
    seen = (
        _look(schedule, home, known, report, redact) if looked_at(triggers) else Report(triggers=[])
    )
    by_name = {evidence.trigger: evidence for evidence in seen.triggers}
    now = datetime.now(UTC)
    return [
        of_clock(trigger, now)
        if trigger.cron is not None
        else of_evidence(by_name[trigger.name], trigger, known.get(trigger.name))
        for trigger in triggers
    ]


def known_of(schedule: RetrainSchedule) -> dict[str, str]:
    """What the manifest's own status knows of each trigger, as far as it is about the same."""
    status = schedule.status if isinstance(schedule.status, dict) else {}
    told = status.get("triggers")
    found: dict[str, str] = {}
    by_name: dict[Any, Any] = {
        one.get("name"): one
        for one in (told if isinstance(told, list) else ())
        if isinstance(one, dict)
    }
    for trigger in looked_at(schedule.spec.triggers):
        state = by_name.get(trigger.name, {})
        same = state.get("about") == about(trigger, schedule.spec.run_template.spec)
        if same and isinstance(state.get("known"), str):
            found[trigger.name] = state["known"]
    return found


def _look(
    schedule: RetrainSchedule,
    home: Home,
    known: dict[str, str],
    report: RedactingReporter,
    redact: Redact,
) -> Report:
    # These bring requests, and as they are needed dvc, mlflow and pandas.
    from retrain_trainer.check.context import CheckContext
    from retrain_trainer.check.run import check

    run = schedule.spec.run_template.spec
    secret = {key: os.environ[name] for key, name in _METRIC_SECRETS.items() if name in os.environ}
    tracking_uri, local = _tracking(run.mlflow.tracking_uri, home)
    os.environ.setdefault("AWS_MAX_ATTEMPTS", "3")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with _scratch() as scratch:
        context = CheckContext(
            run=run,
            scratch=scratch,
            access=OwnGit(),
            metric_secrets=lambda _: secret,
            redact=redact,
            report=report,
            tracking_uri=tracking_uri,
            local=local,
            image_source=home.source,
            # A look of a person leaves no trace.
            record=False,
            fenced=True,
            known=known,
        )
        *_, report_ = check(looked_at(schedule.spec.triggers), context)
        return report_


def _tracking(named: str | None, home: Home) -> tuple[str | None, LocalStores | None]:
    """The tracking server, and the stores below .retrain/ where that is the one."""
    named = named or os.environ.get("MLFLOW_TRACKING_URI")
    if named:
        from retrain_trainer.tracking.client import credentials_to_environment

        return credentials_to_environment(named), None
    if not home.folder.is_dir():
        return None, None
    original = find_root(home.source) or home.source
    return home.tracking_uri, LocalStores(original=original, write=home.remote)


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder that is gone afterwards; opening a DVC project leads into it."""
    kept = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="retrain-check-") as folder:
        try:
            yield Path(folder).resolve()
        finally:
            os.chdir(kept)
