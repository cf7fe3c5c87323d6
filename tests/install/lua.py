"""Runs a health check as Argo CD does: Lua 5.1, with the basic functions and those of tables."""

from pathlib import Path
from typing import Any

from lupa.lua51 import LuaRuntime  # type: ignore[import-untyped, unused-ignore]

ABSENT = ("string", "math", "io", "os", "debug", "coroutine")
"""Libraries that Argo CD does not open for a check."""


def health(script: Path, item: dict[str, Any]) -> dict[str, str]:
    """Status and message that ``script`` gives ``item``."""
    runtime = LuaRuntime(unpack_returned_tuples=True)
    names = runtime.globals()
    for library in ABSENT:
        names[library] = None
    names.obj = runtime.table_from(item, recursive=True)
    return dict(runtime.execute(script.read_text()))
