"""The CRDs as they stand in the repository, and ways through their schemas."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CRDS = sorted((ROOT / "crds").glob("*.retrain.dev.yaml"))
CHART = ROOT / "charts/retrain/templates/crds"
KINDS = ("RetrainSchedule", "TrainingRun")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Schema = dict[str, Any]
VALIDATIONS = "x-kubernetes-validations"
RUN_IN_SCHEDULE = ".spec.runTemplate.spec"
"""Where a RetrainSchedule holds the spec of a TrainingRun."""


@lru_cache
def crd(kind: str) -> dict[str, Any]:
    """The CRD of ``kind``, from its file."""
    found: dict[str, Any]
    (found,) = (made for path in CRDS if (made := load(path))["spec"]["names"]["kind"] == kind)
    return found


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), LOADER)


def version(kind: str) -> dict[str, Any]:
    """The only version of ``kind``."""
    (only,) = crd(kind)["spec"]["versions"]
    assert isinstance(only, dict)
    return only


def root_schema(kind: str) -> Schema:
    schema: Schema = version(kind)["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema in ``schema`` with its path: `.spec.dvc.targets[]`, `.spec.smoke.inputs.*`.

    What may be of any kind is one, with all that it holds.
    """
    yield path, schema
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}.*")


def at(kind: str, path: str) -> Schema:
    """The schema at ``path``, written as in :func:`nodes`."""
    return _places(kind)[path]


@lru_cache
def _places(kind: str) -> dict[str, Schema]:
    return dict(nodes(root_schema(kind)))


def rules(kind: str) -> list[tuple[str, str]]:
    """Every CEL rule of ``kind``: the path it is about, and its sentence."""
    return [
        (f"{path}{rule.get('fieldPath', '')}", rule["message"])
        for path, schema in nodes(root_schema(kind))
        for rule in schema.get(VALIDATIONS, ())
    ]
