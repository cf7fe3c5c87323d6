"""Names for a place that does not take every character: two that differ stay two."""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256

MAX_NAME = 250
"""What MLflow takes of the name of a metric or a parameter."""
_DIGEST = 8


def distinct(keys: Iterable[str], made: Callable[[str], str]) -> dict[str, str]:
    """Each key -> ``made(key)``, with a part of its hash where another key would be called alike.

    A key that is called what it is keeps its name; no name is longer than ``MAX_NAME``.
    """
    names = {key: made(key) for key in keys}
    count = Counter(names.values())
    for key, name in names.items():
        if len(name) > MAX_NAME or (count[name] > 1 and name != key):
            digest = sha256(key.encode(errors="surrogateescape")).hexdigest()[:_DIGEST]
            names[key] = f"{name[: MAX_NAME - _DIGEST - 1]}_{digest}"
    return names


def mlflow_name(key: str) -> str:
    """``key`` with what MLflow does not take in names replaced, and as a path without detours."""
    text = "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in key)
    return _without_detours(text) or "_"


def artifact_path(path: str) -> str:
    """The path of a file as one below a folder of artifacts, wherever the file is."""
    return _without_detours(path) or "_"


def picture_name(name: str) -> str:
    """A file's name for what is called ``name``, without its ending."""
    return re.sub(r"[^\w.-]+", "_", name)


def _without_detours(path: str) -> str:
    """`.` and `..` would lead out of the folder, or to another name's place."""
    parts = ("_" * len(part) if part in (".", "..") else part for part in path.split("/") if part)
    return posixpath.join("", *parts)
