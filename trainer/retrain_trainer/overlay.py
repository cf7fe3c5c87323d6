"""One virtual environment laid over another: what the lower one has is seen, not copied."""

import re
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

_LINK = "retrain-overlay.pth"
_INTERPRETER = re.compile(
    rb"\A#!\s*(?P<direct>/[^\n]*/python[0-9.]*)[ \t]*\n"
    rb"|\A#!/bin/sh\n'''exec' (?P<quoted>[^\n]*/python[0-9.]*['\"]?) [^\n]*\n' '''\n"
)


def lay_over(folder: Path, libraries: Iterable[str]) -> None:
    """Let the environment in ``folder`` see the packages in ``libraries``, after its own.

    An installer looks only at what stands in the environment itself. So the metadata of the lower
    packages are put there: then those that suit a requirement stay in use, and one that does not
    is replaced, of which the lower environment, which may be read-only, notices nothing.
    """
    site = _site(folder)
    lines = [f"import site; site.addsitedir({library!r})\n" for library in libraries]
    (site / _LINK).write_text("".join(lines))
    for library in libraries:
        for info in Path(library).glob("*.dist-info"):
            if not (site / info.name).exists():
                _copy_metadata(info, site / info.name)


def take_over_scripts(folder: Path, lower: Path) -> None:
    """Bring the packages' scripts in ``lower`` into ``folder``, so that they run in it."""
    own = folder / "bin"
    # In this form, as installers have it, the path may be of any length and have blanks.
    start = f"#!/bin/sh\n'''exec' {shlex.quote(str(own / 'python'))} \"$0\" \"$@\"\n' '''\n"
    for script in lower.iterdir():
        target = own / script.name
        if target.exists() or not script.is_file():
            continue
        with script.open("rb") as file:
            if file.read(2) != b"#!":
                continue
        found = _INTERPRETER.match(text := script.read_bytes())
        if found and str(lower).encode() in (found["direct"] or found["quoted"]):
            target.write_bytes(start.encode() + text[found.end() :])
            target.chmod(0o755)


def _site(folder: Path) -> Path:
    return next(folder.glob("lib/python*/site-packages"))


def _copy_metadata(info: Path, target: Path) -> None:
    shutil.copytree(info, target)
    files = [path for path in sorted(target.rglob("*")) if path.is_file()]
    # What an installer removes when it replaces the package: nothing but this copy.
    record = [f"{path.relative_to(target.parent).as_posix()},,\n" for path in files]
    (target / "RECORD").write_text("".join(record))
