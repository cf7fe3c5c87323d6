"""A page of the documentation as what a reader would do: type its commands, save its files."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Command:
    """A line after `$ ` in a console block."""

    text: str


@dataclass(frozen=True)
class File:
    """A block that begins with its file's name as a comment."""

    name: str
    content: str


Step = Command | File
_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# (?P<name>[\w.-]+\.(?:yaml|py))\n")


def steps(page: str, heading: str | None = None) -> list[Step]:
    """What the page in docs/ has to do, in its order: all of it, or what is below a heading."""
    text = (DOCS / page).read_text()
    found: list[Step] = []
    for block in _BLOCK.finditer(text if heading is None else _below(text, heading)):
        body = block["body"]
        if block["kind"] == "console":
            found += [
                Command(line.removeprefix("$ "))
                for line in body.splitlines()
                if line.startswith("$ ")
            ]
        elif named := _NAMED.match(body):
            found.append(File(named["name"], body))
    return found


def _below(text: str, heading: str) -> str:
    """Up to the next heading that is as high."""
    # A comment in a block is no heading.
    prose = _BLOCK.sub(lambda block: " " * len(block[0]), text)
    start = re.search(rf"^(?P<level>#+) {re.escape(heading)}$", prose, re.MULTILINE)
    assert start, f"no heading {heading!r}"
    level = len(start["level"])
    end = re.compile(rf"^#{{1,{level}}} ", re.MULTILINE).search(prose, start.end())
    return text[start.end() : end.start() if end else None]
