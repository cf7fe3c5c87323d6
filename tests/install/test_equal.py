"""`helm install retrain` and `kubectl apply -k manifests/base` install the same."""

import re
from copy import deepcopy
from typing import Any

import pytest

from install.rendering import (
    MANIFESTS,
    Key,
    Object,
    by_key,
    config_of,
    kustomize,
    template,
)

ONLY_KUSTOMIZE = {
    # `helm install --create-namespace` makes it, or somebody else has.
    ("Namespace", "", "retrain-system"),
}
ONLY_CHART: set[Key] = set()
LABELS_OF_HELM = {"helm.sh/chart", "app.kubernetes.io/managed-by"}
ANNOTATIONS_OF_HELM = {
    "helm.sh/resource-policy",  # what `helm uninstall` leaves; kubectl has no releases
    "checksum/config",  # kustomize has the hash in the ConfigMap's name instead
}
HASH = re.compile(r"^(retrain-operator-config)-[a-z0-9]{10}$")


def meaning(item: Object) -> Object:
    """``item`` without what only one of the two tools writes."""
    item = deepcopy(item)
    if item["kind"] == "CustomResourceDefinition":
        # Its labels say which tool has installed it.
        item["metadata"].pop("labels", None)
    for metadata in (
        (item["metadata"], item["spec"]["template"]["metadata"])
        if (item["kind"] == "Deployment")
        else (item["metadata"],)
    ):
        for field, own in (("labels", LABELS_OF_HELM), ("annotations", ANNOTATIONS_OF_HELM)):
            kept = {k: v for k, v in metadata.pop(field, {}).items() if k not in own}
            if kept:
                metadata[field] = kept
    if item["kind"] == "ConfigMap":
        item["data"] = {}  # compared by config_of
    replaced = _without_hash(item)
    assert isinstance(replaced, dict)
    return replaced


def _without_hash(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _without_hash(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_without_hash(value) for value in part]
    return HASH.sub(r"\1", part) if isinstance(part, str) else part


WAYS = {
    "cluster-wide": ("base", {}),
    "namespaced": ("overlays/namespaced", {"watchNamespaces": ["default"]}),
}


@pytest.mark.parametrize(("folder", "values"), WAYS.values(), ids=WAYS)
def test_chart_and_kustomize_install_the_same(folder: str, values: dict[str, Any]) -> None:
    charted, plain = template(**values), kustomize(MANIFESTS / folder)
    assert config_of(charted) == config_of(plain)
    left = by_key(meaning(item) for item in charted)
    right = by_key(meaning(item) for item in plain)
    assert set(left) - set(right) == ONLY_CHART
    assert set(right) - set(left) == ONLY_KUSTOMIZE
    for key in left.keys() & right.keys():
        assert left[key] == right[key], key
