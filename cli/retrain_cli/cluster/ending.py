"""How a TrainingRun stands, read from its status, and the end of it in a few lines."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

from retrain_cli.cluster.client import Object
from retrain_cli.printable import console, shown
from retrain_cli.summary import print_metrics, step_summary
from retrain_core.outcome import OUTCOMES, Outcome

UNKNOWN_EXIT_CODE = 1
"""Of a failure whose reason an operator newer than this command has given."""


@dataclass(frozen=True)
class Standing:
    """The `Succeeded` condition of a run."""

    status: str
    """True, False or Unknown."""
    reason: str
    message: str

    @classmethod
    def of(cls, run: Object) -> "Standing | None":
        """None: no operator has looked at the run yet."""
        for condition in run.get("status", {}).get("conditions", ()):
            if condition["type"] == "Succeeded":
                return cls(condition["status"], condition["reason"], condition.get("message", ""))
        return None

    @property
    def ended(self) -> bool:
        return self.status in ("True", "False")

    @property
    def outcome(self) -> Outcome | None:
        return OUTCOMES.get(self.reason)  # type: ignore[call-overload, no-any-return]

    @property
    def exit_code(self) -> int:
        if self.outcome is not None:
            return self.outcome.exit_code
        return 0 if self.status == "True" else UNKNOWN_EXIT_CODE

    @property
    def remedy(self) -> str:
        """What to do; empty where the message of a run that has ended says it itself."""
        if self.outcome is None:
            return "This retrain does not know the reason: install the version of the operator."
        remedy = self.outcome.remedy
        return "" if self.ended and self.message and remedy not in self.message else remedy

    @property
    def cause(self) -> str:
        """The message without the remedy, which the operator puts behind it."""
        return self.message.removesuffix(self.remedy).strip()

    def __str__(self) -> str:
        return f"{self.reason}: {self.cause}" if self.cause else self.reason


def print_ending(stream: TextIO, run: Object, standing: Standing) -> None:
    """Print metrics, reason and remedy, and where to look."""
    out = console(stream)
    if metrics := _metrics(run):
        print_metrics(out, metrics)
    succeeded = standing.status == "True"
    out.print(
        f"[bold {'green' if succeeded else 'red'}]{shown(standing.reason)}[/]"
        + (f": {shown(standing.cause)}" if standing.cause else "")
    )
    if not succeeded and standing.remedy:
        out.print(shown(standing.remedy))
    for name, value in _facts(run):
        out.print(f"  [dim]{name}[/] {shown(value)}")
    if not succeeded:
        out.print(f"[dim]exit code {standing.exit_code}[/]")


def write_step_summary(run: Object, standing: Standing) -> None:
    """What a CI service shows beside the job, where it offers a file for it."""
    status = run.get("status", {})
    text = standing.cause
    if standing.status != "True":
        text = f"{text} {standing.remedy}".strip()
    step_summary(
        f"{run['metadata']['name']}: {standing.reason}",
        text,
        facts=_facts(run),
        stages=[(s["name"], s["state"], float(s["seconds"])) for s in status.get("stages", ())],
        metrics=_metrics(run),
    )


def _metrics(run: Object) -> dict[str, float]:
    found = {}
    for metric in run.get("status", {}).get("metrics", ()):
        # What user code has written into the pod's result need not be a number.
        with suppress(ValueError):
            found[metric["name"]] = float(metric["value"])
    return found


def _facts(run: Object) -> list[tuple[str, str]]:
    status: dict[str, Any] = run.get("status", {})
    model = status.get("model", {})
    facts = {
        "commit": status.get("commit"),
        "model": _model(model) if model.get("version") else None,
        "look": status.get("mlflow", {}).get("url"),
    }
    return [(name, value) for name, value in facts.items() if value]


def _model(model: dict[str, Any]) -> str:
    promoted = "promoted" if model.get("promoted") else "not promoted"
    return f"models:/{model['name']}/{model['version']} ({promoted})"
