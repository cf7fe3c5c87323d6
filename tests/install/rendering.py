"""What `helm template` and `kubectl kustomize` make of this repository."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from servers.binaries import GoProgram, MissingRequirement

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "retrain"
MANIFESTS = ROOT / "manifests"
HELM = GoProgram("helm", "helm.sh/helm/v4/cmd/helm", "v4.3.1")
NAMESPACE = "retrain-system"

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Kind, namespace (empty where there is none) and name."""


def helm(*arguments: str, values: Object | None = None) -> "subprocess.CompletedProcess[str]":
    """`values` go in through stdin, so that no file stands between."""
    command = [str(HELM.binary()), *arguments, "--values", "-"]
    text = yaml.safe_dump(values or {})
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def template(release: str = "retrain", **values: Any) -> list[Object]:
    return deepcopy(_templated(release, json.dumps(values)))


@cache
def _templated(release: str, values: str) -> list[Object]:
    arguments = ("template", release, str(CHART), "--namespace", NAMESPACE)
    done = helm(*arguments, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def kustomize(folder: Path) -> list[Object]:
    """As `kubectl apply -k` would see it: with its load restrictions."""
    return deepcopy(_kustomized(folder))


@cache
def _kustomized(folder: Path) -> list[Object]:
    done = kubectl("kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    return objects(done.stdout)


def kubectl(
    *arguments: str, kubeconfig: Path | None = None, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """The kubectl of this environment, else that of the machine."""
    own = Path(sys.executable).parent
    found = shutil.which("kubectl", path=f"{own}:{os.environ.get('PATH', os.defpath)}")
    if found is None:
        raise MissingRequirement("kubectl", "not on PATH")
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or os.devnull)}
    return subprocess.run(
        [found, *arguments],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def objects(text: str) -> list[Object]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast on a CRD
    return [document for document in yaml.load_all(text, loader) if document]


def key(item: Object) -> Key:
    metadata = item["metadata"]
    return item["kind"], metadata.get("namespace", ""), metadata["name"]


def by_key(items: Iterable[Object]) -> dict[Key, Object]:
    found: dict[Key, Object] = {}
    for item in items:
        assert key(item) not in found, f"twice: {key(item)}"
        found[key(item)] = item
    return found


def of_kind(items: Iterable[Object], kind: str) -> list[Object]:
    return [item for item in items if item["kind"] == kind]


def only(items: Iterable[Object], kind: str) -> Object:
    (found,) = of_kind(items, kind)
    return found


def config_of(items: Iterable[Object]) -> Object:
    """The operator's configuration."""
    maps = [m for m in of_kind(items, "ConfigMap") if "config.yaml" in m["data"]]
    (found,) = maps
    content = yaml.safe_load(found["data"]["config.yaml"])
    assert isinstance(content, dict)
    return content


def pod_templates(items: Iterable[Object]) -> Iterator[tuple[Key, Object]]:
    for item in items:
        if item["kind"] in ("Deployment", "Job"):
            yield key(item), item["spec"]["template"]
