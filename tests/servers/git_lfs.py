"""As much of a Git LFS server as a download needs: its batch API, beside git over https."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from servers.streaming_http import StreamingHandler

_BATCH = re.compile(r"^/(?P<name>[^/]+\.git)/info/lfs/objects/batch$")
_OBJECT = re.compile(r"^/(?P<name>[^/]+\.git)/lfs-objects/(?P<oid>[0-9a-f]{64})$")


def keep_in_lfs(repository: Path, content: bytes) -> str:
    """Give the server of the bare ``repository`` a file; returns its pointer."""
    oid = hashlib.sha256(content).hexdigest()
    place = repository / "lfs-objects" / oid
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"


def answer_lfs(handler: StreamingHandler, root: Path) -> bool:
    """Tell where the objects are that are asked for; whether that is what was asked."""
    found = _BATCH.match(handler.path)
    if not found:
        return False
    wanted = json.loads(b"".join(handler.body()))["objects"]
    folder = root / found["name"] / "lfs-objects"
    base = f"https://{handler.headers['Host']}/{found['name']}/lfs-objects"
    answer = {"transfer": "basic", "objects": [_described(folder, base, one) for one in wanted]}
    _respond(handler, json.dumps(answer).encode(), "application/vnd.git-lfs+json")
    return True


def answer_lfs_object(handler: StreamingHandler, root: Path) -> bool:
    """Give out an object to whoever knows its name, as a signed link of a store does."""
    found = _OBJECT.match(handler.path)
    if not found:
        return False
    content = (root / found["name"] / "lfs-objects" / found["oid"]).read_bytes()
    _respond(handler, content, "application/octet-stream")
    return True


def _described(folder: Path, base: str, wanted: dict[str, Any]) -> dict[str, Any]:
    if not (folder / wanted["oid"]).is_file():
        return wanted | {"error": {"code": 404, "message": "Object does not exist"}}
    return wanted | {"actions": {"download": {"href": f"{base}/{wanted['oid']}"}}}


def _respond(handler: StreamingHandler, content: bytes, kind: str) -> None:
    headers = [("Content-Type", kind), ("Content-Length", str(len(content)))]
    handler.respond(200, headers, [content])
