"""The servers of the demo as processes: what its manifests start, with other ports and folders."""

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from install.rendering import MANIFESTS, Object, kustomize, of_kind
from servers.binaries import versitygw_binary
from servers.process import serving

OVERLAY = MANIFESTS / "overlays" / "demo"
NAMESPACE = "retrain-demo"
START_SECONDS = 300.0
"""A machine with other tests on it takes its time over MLflow's imports."""


class Demo:
    """The rendered overlay."""

    def __init__(self) -> None:
        self.items = kustomize(OVERLAY)

    def named(self, kind: str, name: str) -> Object:
        """The object of the demo's namespace; a hash behind a ConfigMap's name is left out."""
        found = [
            item
            for item in of_kind(self.items, kind)
            if item["metadata"]["namespace"] == NAMESPACE
            and item["metadata"]["name"].startswith(name)
        ]
        (item,) = found
        return item

    def pod(self, name: str) -> Object:
        spec = self.named("Deployment", name)["spec"]["template"]["spec"]
        assert isinstance(spec, dict)
        return spec

    def container(self, name: str) -> Object:
        (container,) = self.pod(name)["containers"]
        assert isinstance(container, dict)
        return container

    def credentials(self) -> dict[str, str]:
        """What the Secret of the store holds."""
        data = self.named("Secret", "store")["data"]
        return {name: b64decode(value).decode() for name, value in data.items()}

    def write_files(self, config_map: str, folder: Path) -> None:
        """As a mounted ConfigMap: each name a link into a folder that can be swapped."""
        hidden = folder / "..2026_03_02"
        hidden.mkdir(parents=True)
        (folder / "..data").symlink_to(hidden.name)
        for name, text in self.named("ConfigMap", config_map)["data"].items():
            (hidden / name).write_text(text)
            (folder / name).symlink_to(f"..data/{name}")


@contextmanager
def git_server(demo: Demo, folder: Path) -> Iterator[str]:
    """URL of the repository."""
    demo.write_files("git-server", folder / "server")
    demo.write_files("iris-files", folder / "files")
    interpreter, script = demo.container("git")["command"]
    assert interpreter == "python"

    def command(port: int) -> Sequence[str]:
        return [sys.executable, str(folder / "server" / Path(script).name)]

    def environment(port: int) -> list[str]:
        return [f"FILES={folder}/files", f"ROOT={folder}/root", f"PORT={port}"]

    with serving(
        lambda port: ["env", *environment(port), *command(port)],
        ready=lambda port: answer(f"http://127.0.0.1:{port}/iris.git/HEAD") == 200,
        log=folder / "git.log",
    ) as port:
        yield f"http://127.0.0.1:{port}/iris.git"


@contextmanager
def s3_server(demo: Demo, folder: Path) -> Iterator[str]:
    """The endpoint."""
    pod, container = demo.pod("s3"), demo.container("s3")
    (init,) = pod["initContainers"]
    subprocess.run([_below(folder, part) for part in init["command"]], check=True)
    secret = demo.credentials()
    environment = {
        entry["name"]: secret[entry["valueFrom"]["secretKeyRef"]["key"]]
        for entry in container["env"]
    }
    arguments = [_below(folder, part) for part in container["args"]]

    def command(port: int) -> Sequence[str]:
        ports = [part.replace(":7070", f"127.0.0.1:{port}") for part in arguments]
        return [str(versitygw_binary()), *ports]

    with serving(
        command,
        ready=lambda port: answer(f"http://127.0.0.1:{port}/") != 0,
        log=folder / "s3.log",
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
    ) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def mlflow_server(demo: Demo, folder: Path) -> Iterator[str]:
    """The tracking URI."""
    container = demo.container("mlflow")
    folder.mkdir(parents=True, exist_ok=True)
    executable = shutil.which(container["command"][0], path=str(Path(sys.executable).parent))
    assert executable
    fixed = {"--host=0.0.0.0": "--host=127.0.0.1"}
    environment = {entry["name"]: entry["value"] for entry in container["env"]}

    def command(port: int) -> Sequence[str]:
        arguments = [fixed.get(part, _below(folder, part)) for part in container["args"]]
        arguments[arguments.index("--port=5000")] = f"--port={port}"
        return [executable, *container["command"][1:], *arguments]

    with serving(
        command,
        ready=lambda port: answer(f"http://127.0.0.1:{port}/health") == 200,
        log=folder / "mlflow.log",
        env={"PATH": f"{Path(executable).parent}:{os.environ['PATH']}", **environment},
        timeout=START_SECONDS,
    ) as port:
        yield f"http://127.0.0.1:{port}"


def answer(url: str, **headers: Any) -> int:
    """The status of the answer; 0 if there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _below(folder: Path, argument: str) -> str:
    """`/data` of the pod is a folder here."""
    return argument.replace("/data", str(folder / "data"), 1) if "/data" in argument else argument
