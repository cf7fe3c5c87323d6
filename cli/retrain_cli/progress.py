"""Progress on a terminal: a line per step and stage, the running one with its time."""

from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from retrain_core.result import StageState

_MARKS = {
    "Ran": "[green]✓[/]",
    "Restored": "[cyan]↺[/]",
    "Unchanged": "[dim]=[/]",
    "Failed": "[red]✗[/]",
}


class ConsoleReporter:
    """Lines on standard error; on a terminal the running step moves."""

    def __init__(self, stream: TextIO, *, verbose: bool) -> None:
        self.stream = stream
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._verbose = verbose
        self._status: Status | None = None
        self._log: TextIO | None = None

    def log_to(self, path: Path) -> None:
        """Keep everything in a file, too."""
        self._log = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115

    def close(self) -> None:
        self._still()
        if self._log:
            self._log.close()
            self._log = None

    def step(self, title: str) -> None:
        self._note_in_log(f"==> {title}")
        self._move(title)

    def note(self, text: str) -> None:
        self._note_in_log(text)
        self._say(f"  [dim]{escape(text)}[/]")

    def warn(self, text: str) -> None:
        self._note_in_log(f"WARNING: {text}")
        self._say(f"  [yellow]warning:[/] {escape(text)}")

    def stage_started(self, name: str, number: int, total: int) -> None:
        self._note_in_log(f"--> stage {name} ({number}/{total})")
        self._move(f"{name} ({number}/{total})")

    def stage_ended(self, name: str, state: StageState, seconds: float) -> None:
        self._note_in_log(f"<-- stage {name}: {state} in {seconds:.1f} s")
        self._still()
        self._say(f"  {_MARKS[state]} {escape(name):<24} {state:<10} {seconds:6.1f} s")

    def stage_output(self, line: str) -> None:
        self._note_in_log(line)
        if self._verbose:
            self._say(f"    [dim]{escape(line)}[/]")

    def _say(self, text: str) -> None:
        self._console.print(text)

    def _note_in_log(self, line: str) -> None:
        if self._log:
            print(line, file=self._log)

    def _move(self, text: str) -> None:
        if not self._console.is_terminal:
            return
        if self._status is None:
            self._status = self._console.status(escape(text))
            self._status.start()
        else:
            self._status.update(escape(text))

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
