"""A namespace on a real API server, where the test plays the operator: it writes the status."""

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

import pytest
import yaml
from kubernetes import config, watch
from kubernetes.client import (
    ApiClient,
    ApiException,
    ApiextensionsV1Api,
    CoreV1Api,
    CustomObjectsApi,
    V1Namespace,
    V1ObjectMeta,
)

from cluster.fixtures import Cluster
from support import forks
from support.toy import manifest, toy_spec

ROOT = Path(__file__).parents[2]
RETRAIN = Path(sys.executable).parent / "retrain"
CRD = ROOT / "crds" / "trainingruns.retrain.dev.yaml"
PLACE = ("retrain.dev", "v1alpha1")
PATIENCE_SECONDS = 60
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="session")
def api(api_server: Cluster) -> ApiClient:
    """A client of the API server, which knows TrainingRuns."""
    client: ApiClient = config.new_client_from_config(str(api_server.kubeconfig))  # type: ignore[no-untyped-call]
    extensions = ApiextensionsV1Api(client)
    definition = yaml.safe_load(CRD.read_text())
    name = definition["metadata"]["name"]
    try:
        extensions.create_custom_resource_definition(definition)
    except ApiException as error:
        if error.status != 409:
            raise
        extensions.patch_custom_resource_definition(name, definition, _content_type=MERGE)
    _wait_until_established(extensions, name)
    return client


def _wait_until_established(extensions: ApiextensionsV1Api, name: str) -> None:
    changes = watch.Watch().stream(  # type: ignore[no-untyped-call]
        extensions.list_custom_resource_definition,
        field_selector=f"metadata.name={name}",
        timeout_seconds=PATIENCE_SECONDS,
    )
    for change in changes:
        conditions = change["raw_object"].get("status", {}).get("conditions") or ()
        if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
            return
    raise AssertionError(f"{name} is not established")


@dataclass
class Submission:
    """`retrain submit`, running."""

    process: "subprocess.Popen[str]"
    lines: "SimpleQueue[str | None]" = field(default_factory=SimpleQueue)
    told: str = ""
    """What it has written to standard error so far."""

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr
        # The end of a terminal is an error.
        with suppress(OSError):
            for line in self.process.stderr:
                self.lines.put(line)
        self.lines.put(None)

    def name(self) -> str:
        """The run's, once it is created."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("trainingrun.retrain.dev/"), (line, self.end()[1])
        return line.removeprefix("trainingrun.retrain.dev/").split()[0]

    def says(self, text: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it has said ``text`` to the person."""
        while text not in self.told:
            try:
                line = self.lines.get(timeout=seconds)
            except Empty:
                raise AssertionError(f"{text!r} was not said, but: {self.told}") from None
            assert line is not None, f"ended without {text!r}: {self.told}"
            self.told += line

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Exit code, what it told the person, and the rest of standard output."""
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        while (line := self.lines.get(timeout=PATIENCE_SECONDS)) is not None:
            self.told += line
        assert self.process.stdout
        return code, self.told, self.process.stdout.read()


@dataclass
class Namespace:
    """Where runs are submitted to, and looked at."""

    name: str
    kubeconfig: Path
    folder: Path
    runs: CustomObjectsApi
    processes: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def submit(
        self,
        *arguments: str,
        spec: dict[str, Any] | None = None,
        terminal: bool = False,
        **environment: str,
    ) -> Submission:
        """`retrain submit` of the toy project's manifest, with these arguments.

        With ``terminal`` it tells the person on one.
        """
        (self.folder / "trainingrun.yaml").write_text(manifest(spec or toy_spec()))
        dropped = ("KUBE", "GITHUB_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        submit = [*forks.program(forks.RETRAIN), "submit", "-f", "trainingrun.yaml"]
        ours, theirs = pty.openpty() if terminal else (None, None)
        process = subprocess.Popen(
            [*submit, "-n", self.name, *arguments],
            cwd=self.folder,
            env=kept | {"KUBECONFIG": str(self.kubeconfig)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if theirs is None else theirs,
            text=True,
        )
        if ours is not None and theirs is not None:
            os.close(theirs)
            process.stderr = os.fdopen(ours, encoding="utf-8", newline="\n")
        self.processes.append(process)
        return Submission(process)

    def run(self, name: str = "toy") -> dict[str, Any]:
        found: dict[str, Any] = self.runs.get_namespaced_custom_object(  # type: ignore[assignment]
            *PLACE, self.name, "trainingruns", name
        )
        return found

    def wait_for(self, name: str) -> None:
        """Until the run is there."""
        changes = watch.Watch().stream(  # type: ignore[no-untyped-call]
            self.runs.list_namespaced_custom_object,
            *PLACE,
            self.name,
            "trainingruns",
            timeout_seconds=PATIENCE_SECONDS,
        )
        assert any(change["raw_object"]["metadata"]["name"] == name for change in changes)

    def names(self) -> list[str]:
        listed: Any = self.runs.list_namespaced_custom_object(*PLACE, self.name, "trainingruns")
        return [run["metadata"]["name"] for run in listed["items"]]

    def delete(self, name: str) -> None:
        self.runs.delete_namespaced_custom_object(*PLACE, self.name, "trainingruns", name)

    def status(
        self, reason: str, message: str = "", state: str = "Unknown", run: str = "toy", **facts: Any
    ) -> None:
        """What an operator would write; ``facts`` are other fields of the status."""
        ended = {"completionTime": "2026-01-01T00:01:00Z"} if state != "Unknown" else {}
        condition = {
            "type": "Succeeded",
            "status": state,
            "reason": reason,
            "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        status = {"observedGeneration": 1, "conditions": [condition], **ended, **facts}
        self.runs.patch_namespaced_custom_object_status(
            *PLACE, self.name, "trainingruns", run, {"status": status}, _content_type=MERGE
        )


@pytest.fixture
def namespace(api: ApiClient, api_server: Cluster, tmp_path: Path) -> Iterator[Namespace]:
    core = CoreV1Api(api)
    name = f"submit-{uuid4().hex[:8]}"
    core.create_namespace(V1Namespace(metadata=V1ObjectMeta(name=name)))
    made = Namespace(name, api_server.kubeconfig, tmp_path, CustomObjectsApi(api))
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.wait()
        core.delete_namespace(name)
