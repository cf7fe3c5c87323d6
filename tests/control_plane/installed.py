"""What people install, from this repository's own files."""

from pathlib import Path

import yaml

from retrain_operator.kube.objects import Object

ROOT = Path(__file__).parents[2]
BASE = ROOT / "manifests" / "base"


def crd() -> Object:
    content: Object = yaml.safe_load((ROOT / "crds" / "trainingruns.retrain.dev.yaml").read_text())
    return content


def manifests(name: str) -> list[Object]:
    """The objects of a file of the base."""
    return list(yaml.safe_load_all((BASE / name).read_text()))


def rules() -> list[Object]:
    """What the operator is granted in the whole cluster."""
    (role,) = (item for item in manifests("rbac.yaml") if item["kind"] == "ClusterRole")
    found: list[Object] = role["rules"]
    return found
