"""The end of a run in a few lines: what ran, how good it is, what became of it, where to look."""

import os
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from retrain_cli.home import Home
from retrain_core.outcome import OUTCOMES, Reason
from retrain_core.result import ModelVersion, Result
from retrain_trainer.progress import Progress


def print_summary(
    stream: TextIO,
    result: Result,
    progress: Progress,
    home: Home | None,
    *,
    alias: str | None,
    smoke: bool,
) -> None:
    """Print the table of a run that ended; ``alias``: the champion's, if there is one."""
    console = Console(file=stream, highlight=False, soft_wrap=True)
    reason = result.reason or Reason.INTERNAL_ERROR
    outcome = OUTCOMES[reason]
    if result.metrics:
        console.print(_metrics(progress))
    colour = "green" if outcome.succeeded else "red"
    console.print(f"[bold {colour}]{reason}[/]: {escape(result.message)}")
    if not outcome.succeeded:
        console.print(escape(outcome.remedy))
        console.print(f"[dim]exit code {outcome.exit_code}[/]")
    elif result.model and home and not smoke:
        for name, value in _where(progress, result.model, home, alias):
            console.print(f"  [dim]{name}[/] {escape(value)}")
    if smoke:
        _step_summary(result)


def _metrics(progress: Progress) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("metric")
    table.add_column("this run", justify="right")
    champion = progress.champion_metrics
    previous = progress.model.previous_version if progress.model else None
    if champion:
        table.add_column(f"champion (version {previous})", justify="right")
    for name, value in sorted(progress.metrics.items()):
        row = [escape(name), f"{value:.6g}"]
        if champion:
            row.append(f"{champion[name]:.6g}" if name in champion else "")
        table.add_row(*row)
    return table


def _where(
    progress: Progress, model: ModelVersion, home: Home, alias: str | None
) -> list[tuple[str, str]]:
    reference = (
        f"models:/{model.name}@{alias}" if alias else f"models:/{model.name}/{model.version}"
    )
    url = progress.mlflow.url if progress.mlflow else None
    tracking_uri = url.split("/#/")[0] if url else home.tracking_uri
    look = url or ("retrain ui" if home.shown == "." else f"retrain ui --source {home.shown}")
    return [("load", load_line(reference, tracking_uri, progress.model_file)), ("look", look)]


def load_line(reference: str, tracking_uri: str, file: str | None) -> str:
    """The line of Python that loads a registered model."""
    set_uri = f'mlflow.set_tracking_uri("{tracking_uri}"); '
    if file and file.endswith((".joblib", ".pkl", ".pickle")):
        loader = "joblib.load" if file.endswith(".joblib") else "pandas.read_pickle"
        return (
            f"import {loader.split('.')[0]}, mlflow; {set_uri}"
            f'model = {loader}(mlflow.artifacts.download_artifacts("{reference}/{file}"))'
        )
    return f'import mlflow; {set_uri}mlflow.artifacts.download_artifacts("{reference}")'


def _step_summary(result: Result) -> None:
    """What a CI service shows beside the job, where it offers a file for it."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    lines = [f"### Smoke training: {result.reason}", "", result.message, ""]
    if result.stages:
        lines += ["| stage | state | seconds |", "|---|---|---|"]
        lines += [f"| {s.name} | {s.state} | {s.seconds:.1f} |" for s in result.stages]
        lines.append("")
    if result.metrics:
        lines += ["| metric | value |", "|---|---|"]
        lines += [f"| {m.name} | {float(m.value):.6g} |" for m in result.metrics]
        lines.append("")
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n".join(lines))
