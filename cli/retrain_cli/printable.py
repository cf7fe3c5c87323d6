"""What strangers wrote, shown as text: stages, names in a repository, words of a server.

A terminal obeys control characters, a CI service lines of a certain form, a page Markdown and HTML.
What is ours in a line stands in front of it, and never comes from here.
"""

import html
import json
import re
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any, TextIO

import yaml
from rich.console import Console
from rich.markup import escape

from retrain_core.outcome import RunFailed

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # title, clipboard, links
)
_COMMAND = re.compile(r"^( *:)(?=:)|(#)(?=#\w*\[)")
"""Of GitHub Actions (`::set-output`, `##[...]`), Azure Pipelines, TeamCity (`##teamcity[`)."""
_HASH = re.compile(r"#(?=#\w*\[)")
"""In JSON, and in YAML as it is written here, it stands within quotes only."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#|~!])")
_ADDRESS = re.compile(r"https?://[\w.:/#?=&%@,+-]+", re.ASCII)


def printable(text: str) -> str:
    """``text`` as one line that neither a terminal nor a CI service obeys."""
    text = _SEQUENCE.sub("", text).expandtabs()
    plain = "".join(each if each.isprintable() else " " for each in text)
    return _COMMAND.sub(r"\1\2\\", plain)


def block(text: str) -> str:
    """``text`` with its lines as :func:`printable` has them; what follows the first is indented."""
    return "\n    ".join(printable(line) for line in text.split("\n"))


def shown(text: str) -> str:
    """:func:`block` for a place in rich's markup."""
    return escape(block(text))


def markdown(text: str) -> str:
    """``text`` as one line of Markdown that shows it."""
    line = " ".join(printable(text).split())
    if _ADDRESS.fullmatch(line):
        return line
    return _MARKDOWN.sub(r"\\\1", html.escape(line, quote=False))


def console(stream: TextIO) -> Console:
    """Prints our own markup; what is put into it goes through :func:`shown`."""
    return Console(file=stream, highlight=False, soft_wrap=True, emoji=False)


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Lines of a table, never folded: where a line began anew, so could a command.

    ``right``: numbers of the columns that are aligned to the right.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "   ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def as_json(content: Any) -> str:
    """JSON for people and programs, with a line end."""
    return _HASH.sub(r"\\u0023", json.dumps(content, indent=2)) + "\n"


def as_yaml(*documents: Any) -> str:
    """YAML in which no line begins inside a text."""
    text = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=sys.maxsize)
    return _HASH.sub(r"\\x23", str(text))


def print_failure(failure: RunFailed, redact: Callable[[str], str] = str) -> int:
    """Tell of ``failure`` on standard error; returns its exit code."""
    print(block(redact(f"{failure.reason}: {failure.message}")), file=sys.stderr)
    print(block(redact(failure.remedy)), file=sys.stderr)
    return failure.outcome.exit_code


class _Dumper(yaml.SafeDumper):
    """Writes what a CI service or a reader could take for something else with its escapes."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        odd = "\n" in text or _COMMAND.search(text) is not None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if odd else None)


_Dumper.add_representer(str, _Dumper.represent_text)
