"""The end of a run in a few lines: what ran, how good it is, what became of it, where to look."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import TextIO

from rich.console import Console

from retrain_cli.home import Home
from retrain_cli.printable import aligned, console, markdown, shown
from retrain_core.outcome import OUTCOMES, Reason
from retrain_core.result import ModelVersion, Result
from retrain_trainer.partial_result import PartialResult, VersionContent


def print_summary(
    stream: TextIO,
    result: Result,
    partial_result: PartialResult,
    home: Home | None,
    *,
    alias: str | None,
    smoke: bool,
) -> None:
    """Print the table of a run that ended; ``alias``: the champion's, if there is one."""
    out = console(stream)
    reason = result.reason or Reason.INTERNAL_ERROR
    outcome = OUTCOMES[reason]
    if result.metrics:
        previous = partial_result.model.previous_version if partial_result.model else None
        print_metrics(out, partial_result.metrics, partial_result.champion_metrics, previous)
    colour = "green" if outcome.succeeded else "red"
    out.print(f"[bold {colour}]{reason}[/]: {shown(result.message)}")
    if not outcome.succeeded:
        out.print(shown(result.remedy or outcome.remedy))
        out.print(f"[dim]exit code {outcome.exit_code}[/]")
    elif result.model and home and not smoke:
        for name, value in _where(partial_result, result.model, home, alias):
            out.print(f"  [dim]{name}[/] {shown(value)}")
    if smoke:
        step_summary(
            f"Smoke training: {reason}",
            result.message,
            stages=[(stage.name, stage.state, stage.seconds) for stage in result.stages],
            metrics={metric.name: float(metric.value) for metric in result.metrics},
        )


def print_metrics(
    out: Console,
    metrics: Mapping[str, float],
    champion: Mapping[str, float] | None = None,
    champion_version: str | None = None,
) -> None:
    """Print the measured values, beside the champion's where there are any."""
    rows = [["metric", "this run"]]
    rows += [[name, f"{value:.6g}"] for name, value in sorted(metrics.items())]
    if champion:
        rows[0].append(f"champion (version {champion_version})")
        for row in rows[1:]:
            row.append(f"{champion[row[0]]:.6g}" if row[0] in champion else "")
    head, *lines = aligned(rows, right=(1, 2))
    out.print(f"[bold]{shown(head)}[/]")
    for line in lines:
        out.print(shown(line))


def _where(
    partial_result: PartialResult, model: ModelVersion, home: Home, alias: str | None
) -> list[tuple[str, str]]:
    # Nobody has the alias where nothing was promoted and there was no champion before.
    has_alias = alias and (model.promoted or model.previous_version)
    reference = f"models:/{model.name}{f'@{alias}' if has_alias else f'/{model.version}'}"
    url = partial_result.mlflow.url if partial_result.mlflow else None
    tracking_uri = url.split("/#/")[0] if url else home.tracking_uri
    look = url or ("retrain ui" if home.shown == "." else f"retrain ui --source {home.shown}")
    return [("load", load_line(reference, tracking_uri, partial_result.content)), ("look", look)]


def load_line(reference: str, tracking_uri: str, content: VersionContent | None) -> str:
    """A line of Python that gets a registered model, and that works whatever wrote it.

    Only what MLflow wrote says how it is loaded: the ending of a file's name does not.
    """
    start = f"import mlflow; mlflow.set_tracking_uri({_quoted(tracking_uri)}); "
    if content is not None and content.pyfunc:
        return f"{start}model = mlflow.pyfunc.load_model({_quoted(reference)})"
    files = content.files if content is not None else ()
    # MLflow would take some characters of a file's name for parts of an address.
    if len(files) == 1 and re.fullmatch(r"[\w. -]+", files[0]):
        reference = f"{reference}/{files[0]}"
    return f"{start}path = mlflow.artifacts.download_artifacts({_quoted(reference)})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def step_summary(
    title: str,
    text: str,
    *,
    stages: Sequence[tuple[str, str, float]],
    metrics: Mapping[str, float],
    facts: Sequence[tuple[str, str]] = (),
) -> None:
    """Write what a CI service shows beside the job, where it offers a file for it.

    ``stages`` are name, state and seconds.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    lines = [f"### {markdown(title)}", "", "<br>".join(map(markdown, text.split("\n"))), ""]
    lines += _markdown_table(("", ""), facts)
    lines += _markdown_table(
        ("stage", "state", "seconds"),
        [(name, state, f"{seconds:.1f}") for name, state, seconds in stages],
    )
    lines += _markdown_table(
        ("metric", "value"), [(name, f"{value:.6g}") for name, value in metrics.items()]
    )
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n".join(lines))


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    cells = [head, ["---"] * len(head), *([markdown(cell) for cell in row] for row in rows)]
    return [*("| " + " | ".join(row) + " |" for row in cells), ""]
