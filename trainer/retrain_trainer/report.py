"""What a run tells while it works; each front end shows it in its own way."""

import os
from collections.abc import Callable
from typing import Protocol, TextIO

from retrain_core.result import StageState


def own_stderr() -> TextIO:
    """Standard error by a descriptor of its own: 1 and 2 are led away while a stage runs."""
    return os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")


Redact = Callable[[str], str]
"""Takes the secrets out of a text."""


class Reporter(Protocol):
    """Receives what happens. Texts are redacted already."""

    def step(self, title: str) -> None:
        """A new step of the run begins."""

    def note(self, text: str) -> None:
        """Something worth knowing."""

    def warn(self, text: str) -> None:
        """Something that may need the person's attention."""

    def stage_started(self, name: str, number: int, total: int) -> None:
        """Stage ``number`` of ``total`` is looked at, and run if it must be."""

    def stage_ended(self, name: str, state: StageState, seconds: float) -> None:
        """The stage ended."""

    def stage_output(self, line: str) -> None:
        """A line that the stage printed, without its line end."""


OUTPUT_MARK = "| "
"""In a pod's log what a stage prints stands behind it: no line of a stage begins as ours do."""


class LogReporter:
    """Plain lines, for the log of a pod; the first characters of each tell who speaks."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or own_stderr()

    def _say(self, text: str) -> None:
        # A message may quote a stage.
        print(text.replace("\n", f"\n{OUTPUT_MARK}"), file=self._stream, flush=True)

    def step(self, title: str) -> None:
        self._say(f"==> {title}")

    def note(self, text: str) -> None:
        self._say(f"    {text}")

    def warn(self, text: str) -> None:
        self._say(f"WARNING: {text}")

    def stage_started(self, name: str, number: int, total: int) -> None:
        self._say(f"--> stage {name} ({number}/{total})")

    def stage_ended(self, name: str, state: StageState, seconds: float) -> None:
        self._say(f"<-- stage {name}: {state} in {seconds:.1f} s")

    def stage_output(self, line: str) -> None:
        self._say(f"{OUTPUT_MARK}{line}")


class RedactingReporter:
    """Passes everything on to another reporter, without the secrets."""

    def __init__(self, inner: Reporter, redact: Redact) -> None:
        self._inner = inner
        self._redact = redact

    def step(self, title: str) -> None:
        self._inner.step(self._redact(title))

    def note(self, text: str) -> None:
        self._inner.note(self._redact(text))

    def warn(self, text: str) -> None:
        self._inner.warn(self._redact(text))

    def stage_started(self, name: str, number: int, total: int) -> None:
        self._inner.stage_started(self._redact(name), number, total)

    def stage_ended(self, name: str, state: StageState, seconds: float) -> None:
        self._inner.stage_ended(self._redact(name), state, seconds)

    def stage_output(self, line: str) -> None:
        self._inner.stage_output(self._redact(line))
