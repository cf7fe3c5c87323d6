"""JSON of the API server, each object for itself: what one holds keeps no other from being read.

A decoder gives up on what is nested deeply, and on all around it. Here that part becomes `null`:
the object is still there by its name, and the models refuse what has become of it.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from retrain_operator.kube.objects import Object

LEVELS = 60
"""Far more than any object has that Kubernetes knows the fields of, or that our CRDs accept."""

TOO_DEEP = f"nested deeper than {LEVELS} levels: what is below is left out"
LEFT_OUT = "left out"
Take = Callable[[Object], Object]
"""Told an object as soon as it is decoded; returns what is to be kept of it."""
Aside = Callable[[str, str], None]
"""Told which object could not be taken as it is, as NAMESPACE/NAME, and why."""

_DECODER = json.JSONDecoder()
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[][{}]', re.DOTALL)
_ITEMS = re.compile(r'"items"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def loads(text: str) -> Any:
    """What ``text`` says, without what is too deep. Raises ValueError: it is no JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        return json.loads(_shallow(text, 0)[0])


def listing(text: str, take: Take, aside: Aside) -> Object:
    """The list in ``text`` with what ``take`` has kept of its items, one decoded after the other.

    An item that cannot be taken is left out, and told to ``aside``.

    Raises:
        ValueError: it is no JSON.
    """
    # Nothing that a tenant has written stands before: only the list's own fields can.
    begin = _ITEMS.search(text)
    if begin is None:
        whole: Object = loads(text)
        return whole
    items = []
    at = _next(text, begin.end())
    while text[at : at + 1] != "]":
        item, at = _decoded(text, at, aside)
        try:
            items.append(take(item))
        except Exception as error:
            aside(place_of(item), f"{LEFT_OUT}: {type(error).__name__}: {error}")
        at = _next(text, at)
    envelope: Object = loads(text[: begin.end()] + text[at:])
    return {**envelope, "items": items}


def _decoded(text: str, at: int, aside: Aside) -> tuple[Any, int]:
    """The value that begins at ``at``, and where it ends."""
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError:
        cut, end = _shallow(text, at)
        item = json.loads(cut)
        aside(place_of(item), TOO_DEEP)
        return item, end


def _shallow(text: str, at: int) -> tuple[str, int]:
    """The value that begins at ``at`` with `null` for what is too deep, and where it ends."""
    kept = []
    level, begin = 0, at
    for token in _TOKEN.finditer(text, at):
        match token[0]:
            case "[" | "{":
                level += 1
                if level == LEVELS + 1:
                    kept += [text[begin : token.start()], "null"]
            case "]" | "}":
                if level == LEVELS + 1:
                    begin = token.end()
                level -= 1
        if level == 0:
            return "".join((*kept, text[begin : token.end()])), token.end()
    raise ValueError("the JSON ends within a value")


def _next(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def place_of(item: Any) -> str:
    """NAMESPACE/NAME of what need not be an object at all."""
    metadata = item.get("metadata", {}) if isinstance(item, dict) else {}
    return f"{metadata.get('namespace')}/{metadata.get('name')}"
