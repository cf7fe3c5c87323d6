"""The API server's own record of who asked for what."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    verb: str
    group: str
    resource: str
    """With its subresource; empty where the request is about no resource."""
    name: str
    code: int
    allowed: bool
    """By the rules of RBAC; admission may have refused it all the same."""


def entries(log: Path, user: str, since: int = 0) -> list[Entry]:
    """What ``user`` asked for, from the log's byte ``since`` on."""
    with log.open("rb") as file:
        file.seek(since)
        lines = [line for line in file if user.encode() in line and line.endswith(b"\n")]
    found = [json.loads(line) for line in lines]
    return [_entry(event) for event in found if event["user"]["username"] == user]


def _entry(event: dict[str, object]) -> Entry:
    about = event.get("objectRef") or {}
    status = event.get("responseStatus") or {}
    marks = event.get("annotations") or {}
    assert isinstance(about, dict)
    assert isinstance(status, dict)
    assert isinstance(marks, dict)
    parts = (about.get("resource", ""), about.get("subresource", ""))
    return Entry(
        str(event["verb"]),
        about.get("apiGroup", ""),
        "/".join(filter(None, parts)),
        about.get("name", ""),
        int(status.get("code", 0)),
        marks.get("authorization.k8s.io/decision") == "allow",
    )
