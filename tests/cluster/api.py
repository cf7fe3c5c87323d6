"""The few calls that bringing a cluster up takes; tests use the kubernetes client instead."""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Api:
    server: str
    pki: Path

    def ready(self) -> bool:
        return self._answers("/readyz")

    def exists(self, path: str) -> bool:
        return self._answers(path)

    def get(self, path: str) -> Any:
        return json.loads(self._send("GET", path))

    def takes_pods(self, node: str) -> bool:
        """Whether the node is ready and every pod may go there."""
        try:
            found = self.get(f"/api/v1/nodes/{node}")
        except OSError:
            return False
        conditions = {
            each["type"]: each["status"] for each in found["status"].get("conditions", [])
        }
        return conditions.get("Ready") == "True" and not found["spec"].get("taints")

    def create(self, path: str, body: dict[str, Any]) -> None:
        self._send("POST", path, body)

    def _answers(self, path: str) -> bool:
        try:
            self._send("GET", path)
        except OSError:
            return False
        return True

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        """Raises OSError, of which urllib's errors are."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.server + path, data, headers, method=method)
        with self._opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            content: bytes = response.read()
            return content

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context(cafile=str(self.pki / "ca.pem"))
        context.load_cert_chain(self.pki / "admin.pem", self.pki / "admin.key")
        without_proxy = urllib.request.ProxyHandler({})
        https = urllib.request.HTTPSHandler(context=context)
        return urllib.request.build_opener(without_proxy, https)
