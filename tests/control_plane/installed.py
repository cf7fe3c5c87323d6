"""What people install, from this repository's own files."""

import re
from pathlib import Path

import yaml

from retrain_operator.kube.objects import Object

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "crds"
BASE = ROOT / "manifests" / "base"
CHART = ROOT / "charts" / "retrain"
MIB = 2**20


def crds() -> list[Object]:
    return [yaml.safe_load(file.read_text()) for file in sorted(CRDS.glob("*.retrain.dev.yaml"))]


def manifests(name: str) -> list[Object]:
    """The objects of a file of the base."""
    return list(yaml.safe_load_all((BASE / name).read_text()))


def lease_rules() -> list[Object]:
    """What the operator is granted where it runs itself."""
    (role,) = (item for item in manifests("lease.yaml") if item["kind"] == "Role")
    found: list[Object] = role["rules"]
    return found


def rules() -> list[Object]:
    """What the operator is granted in the whole cluster."""
    (role,) = (item for item in manifests("rbac.yaml") if item["kind"] == "ClusterRole")
    found: list[Object] = role["rules"]
    return found


def memory_limit() -> int:
    """Bytes that the chart allows the operator."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    found = re.fullmatch(r"([0-9]+)Mi", values["resources"]["limits"]["memory"])
    assert found
    return int(found[1]) * MIB
