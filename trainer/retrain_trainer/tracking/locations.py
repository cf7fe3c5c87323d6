"""Where artifacts are kept."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit


def artifact_root(tracking_uri: str) -> str | None:
    """The folder beside a SQLite database, as a URI; a server knows its own."""
    match = re.match(r"^sqlite(?:\+\w+)?:///(.*)$", tracking_uri)
    return (Path(unquote(match[1])).absolute().parent / "artifacts").as_uri() if match else None


def local_path(location: str) -> Path | None:
    """The path that an artifact location is on this machine, if it is one."""
    parts = urlsplit(location)
    if parts.scheme not in ("", "file"):
        return None
    return Path(unquote(parts.path))
