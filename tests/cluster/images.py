"""An image from no registry and no builder: the probe alone, as an OCI archive."""

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

from cluster.programs import PROBE

PROBE_IMAGE = "localhost/probe:test"
"""What a sandbox runs, and what test pods can run: its entrypoint is `probe`."""
_OCI = "application/vnd.oci.image"


def write_probe_archive(path: Path, name: str = PROBE_IMAGE) -> Path:
    layer = _tar({"probe": (PROBE.binary().read_bytes(), 0o755)})
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/probe"], "Cmd": ["pause"], "Env": ["PATH=/"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blobs = {"layer.v1.tar": layer, "config.v1+json": _json(config)}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _descriptor("config.v1+json", blobs["config.v1+json"]),
        "layers": [_descriptor("layer.v1.tar", layer)],
    }
    blobs["manifest.v1+json"] = _json(manifest)
    described = _descriptor("manifest.v1+json", blobs["manifest.v1+json"])
    index = {
        "schemaVersion": 2,
        "manifests": [{**described, "annotations": {"io.containerd.image.name": name}}],
    }
    files = {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in blobs.values()}
    files |= {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index)}
    path.write_bytes(_tar({name: (content, 0o644) for name, content in files.items()}))
    return path


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": f"{_OCI}.{kind}", "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, (data, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def _architecture() -> str:
    """As Go and OCI call it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
