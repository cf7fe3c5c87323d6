"""Somebody who types what a page says, but for what a test machine cannot have."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from documentation.page import Command, Step

SECONDS = 1500
SERVED = Path(__file__).parent / "served.py"
_HEAD = """\
set -euo pipefail
trap 'echo "FAILED: $BASH_COMMAND" >&2' ERR
"""


def served(url: str, command: str) -> str:
    """``command``, a server, started, and ended when ``url`` answers."""
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(SERVED))} {url} {command}"


@dataclass
class Reader:
    """Has a folder, an environment, and something else to type for some commands."""

    folder: Path
    environment: Mapping[str, str]
    instead: Mapping[str, str] = field(default_factory=dict)
    """Part of a command, or of a file -> what stands in its place here."""
    used: set[str] = field(default_factory=set)

    def does(self, steps: Iterable[Step]) -> str:
        """What the commands printed, each after itself. They share one shell."""
        script = _HEAD + "".join(map(self._typed, steps))
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def unused(self) -> set[str]:
        """What is in no command any more: the page has changed, and this has not."""
        return set(self.instead) - self.used

    def _typed(self, step: Step) -> str:
        if isinstance(step, Command):
            shown = shlex.quote(f"$ {step.text}")
            return f"printf '%s\\n' {shown}\n{self._replaced(step.text)}\n"
        content = self._replaced(step.content)
        return f"printf '%s' {shlex.quote(content)} > {step.name}\n"

    def _replaced(self, text: str) -> str:
        for part, other in self.instead.items():
            if part in text:
                self.used.add(part)
                text = text.replace(part, other)
        return text
