"""kubectl, as a person types it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 300


class KubectlFailed(Exception):
    """The command's own words, which some tests are about."""


@dataclass(frozen=True)
class Kubectl:
    kubeconfig: Path
    namespace: str | None = None

    def __call__(self, *arguments: str, stdin: str | None = None, seconds: int = SECONDS) -> str:
        """Its standard output. Raises KubectlFailed."""
        done = subprocess.run(
            [*self.command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlFailed(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    @property
    def command(self) -> list[str]:
        program = Path(sys.executable).parent / "kubectl"
        scope = ["--namespace", self.namespace] if self.namespace else []
        return [str(program), "--kubeconfig", str(self.kubeconfig), *scope]

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("get", kind, name, "-o", "json"))
        return found

    def list(self, kind: str, selector: str = "") -> "list[dict[str, Any]]":
        found = self("get", kind, "-o", "json", "--selector", selector)
        items: list[dict[str, Any]] = json.loads(found)["items"]
        return items

    def apply(self, *objects: dict[str, Any]) -> str:
        return self("apply", "-f", "-", stdin=json.dumps({**_LIST, "items": list(objects)}))

    def wait(self, what: str, condition: str, seconds: int = SECONDS) -> str:
        """`condition` is what `kubectl wait --for` takes."""
        return self(
            "wait", what, f"--for={condition}", f"--timeout={seconds}s", seconds=seconds + 30
        )

    def environment(self) -> dict[str, str]:
        """For commands that read KUBECONFIG."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}


_LIST = {"apiVersion": "v1", "kind": "List"}
