"""Progress on a terminal: a line per step and stage, the running one with its time."""

import os
import secrets
from pathlib import Path
from typing import TextIO

from rich.status import Status

from retrain_cli.printable import block, console, printable, shown
from retrain_core.result import StageState

_MARKS = {
    "Ran": "[green]✓[/]",
    "Restored": "[cyan]↺[/]",
    "Unchanged": "[dim]=[/]",
    "Failed": "[red]✗[/]",
}


class ConsoleReporter:
    """Lines on standard error; on a terminal the running step moves.

    GitHub Actions is told to obey none of them until the reporter is closed.
    """

    def __init__(self, stream: TextIO, *, verbose: bool) -> None:
        self.stream = stream
        self._console = console(stream)
        self._verbose = verbose
        self._status: Status | None = None
        self._log: TextIO | None = None
        self._resume: str | None = None
        if os.environ.get("GITHUB_ACTIONS") == "true":
            token = secrets.token_hex(16)
            print(f"::stop-commands::{token}", file=stream, flush=True)
            self._resume = f"::{token}::"

    def log_to(self, path: Path) -> None:
        """Keep everything in a file, too."""
        self._log = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115

    def close(self) -> None:
        self._still()
        if self._log:
            self._log.close()
            self._log = None
        if self._resume:
            print(self._resume, file=self.stream, flush=True)
            self._resume = None

    def step(self, title: str) -> None:
        self._note_in_log(f"==> {title}")
        self._move(title)

    def note(self, text: str) -> None:
        self._note_in_log(text)
        self._say(f"  [dim]{shown(text)}[/]")

    def warn(self, text: str) -> None:
        self._note_in_log(f"WARNING: {text}")
        self._say(f"  [yellow]warning:[/] {shown(text)}")

    def stage_started(self, name: str, number: int, total: int) -> None:
        self._note_in_log(f"--> stage {name} ({number}/{total})")
        self._move(f"{name} ({number}/{total})")

    def stage_ended(self, name: str, state: StageState, seconds: float) -> None:
        self._note_in_log(f"<-- stage {name}: {state} in {seconds:.1f} s")
        self._still()
        self._say(f"  {_MARKS[state]} {shown(name):<24} {state:<10} {seconds:6.1f} s")

    def stage_output(self, line: str) -> None:
        self._note_in_log(f"| {line}")
        if self._verbose:
            self._say(f"  [dim]| {shown(line)}[/]")

    def _say(self, text: str) -> None:
        self._console.print(text)

    def _note_in_log(self, line: str) -> None:
        if self._log:
            print(block(line), file=self._log)

    def _move(self, text: str) -> None:
        if not self._console.is_terminal:
            return
        if self._status is None:
            self._status = self._console.status(shown(printable(text)))
            self._status.start()
        else:
            self._status.update(shown(printable(text)))

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
