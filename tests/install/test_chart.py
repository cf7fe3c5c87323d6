"""The chart, rendered by helm."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped, unused-ignore]
import pytest
import yaml

from install.hardening import hardening
from install.rendering import (
    CHART,
    ROOT,
    Object,
    by_key,
    config_of,
    helm,
    key,
    of_kind,
    only,
    template,
)
from install.values import EVERYTHING, MINIMAL, NAMESPACED
from retrain_core.defaults import effective_spec
from retrain_operator.config import load_config
from support.pod_security import violations

KUBERNETES = "1.37.0"
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "namespaced": {**EVERYTHING, **NAMESPACED},
    "minimal": {**MINIMAL, **NAMESPACED},
}
FOREIGN = {"ServiceMonitor"}
"""Kinds that Kubernetes itself does not have."""
variants = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)


@variants
def test_helm_lint_has_nothing_to_warn_of(values: dict[str, Any]) -> None:
    done = helm("lint", str(CHART), "--strict", values=values)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout + done.stderr


@variants
def test_kubernetes_knows_every_field_of_every_object(values: dict[str, Any]) -> None:
    for item in template(**values):
        if item["kind"] not in FOREIGN:
            kubernetes_validate.validate(item, KUBERNETES, strict=True)


@variants
def test_no_object_stands_twice_and_none_is_without_its_namespace(values: dict[str, Any]) -> None:
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
    for kind, namespace, _ in by_key(template(**values)):
        assert bool(namespace) != (kind in cluster_wide), (kind, namespace)


@variants
def test_the_operator_s_pod_is_restricted(values: dict[str, Any]) -> None:
    pod = only(template(**values), "Deployment")["spec"]["template"]["spec"]
    assert list(violations({"metadata": {}, "spec": pod})) == []
    assert list(hardening(pod)) == []


@variants
def test_the_operator_takes_the_configuration(values: dict[str, Any], tmp_path: Path) -> None:
    rendered = config_of(template(**values))
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(rendered))
    config = load_config(file)
    assert config.namespaces == values.get("watchNamespaces", [])
    assert config.defaults == values.get("defaults", {})
    for name, value in values.get("config", {}).items():
        assert rendered[name] == value


def test_values_reach_the_pod() -> None:
    deployment = only(template(**EVERYTHING), "Deployment")
    template_ = deployment["spec"]["template"]
    pod = template_["spec"]
    for field in ("nodeSelector", "tolerations", "affinity", "imagePullSecrets"):
        assert pod[field] == EVERYTHING[field]
    assert pod["priorityClassName"] == EVERYTHING["priorityClassName"]
    assert pod["terminationGracePeriodSeconds"] == 2000000
    assert pod["serviceAccountName"] == "trainer-of-models"
    assert pod["containers"][0]["image"] == (
        f"registry.example.com/retrain-dev/retrain-operator@sha256:{'a' * 64}"
    )
    assert template_["metadata"]["annotations"]["example.com/scrape"] == "no"
    assert template_["metadata"]["labels"]["zone"] == "a"
    assert deployment["metadata"]["labels"]["team"] == "ml"


@variants
def test_what_selects_the_pod_matches_it(values: dict[str, Any]) -> None:
    items = template(**values)
    deployment = only(items, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"]["matchLabels"]]
    selectors += [service["spec"]["selector"] for service in of_kind(items, "Service")]
    selectors += [
        policy["spec"]["podSelector"]["matchLabels"] for policy in of_kind(items, "NetworkPolicy")
    ]
    selectors += [
        budget["spec"]["selector"]["matchLabels"]
        for budget in of_kind(items, "PodDisruptionBudget")
    ]
    (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    selectors.append(spread["labelSelector"]["matchLabels"])
    for selector in selectors:
        assert selector.items() <= labels.items()
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(selector)


def test_of_two_copies_one_stays_while_pods_are_rolled_out_or_evicted() -> None:
    items = template()
    spec = only(items, "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert only(items, "PodDisruptionBudget")["spec"]["minAvailable"] == 1


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_single_copy_is_in_the_way_of_no_drain(replicas: int) -> None:
    items = template(replicas=replicas)
    assert only(items, "Deployment")["spec"]["replicas"] == replicas
    assert of_kind(items, "PodDisruptionBudget") == []


def test_a_service_monitor_finds_its_service() -> None:
    items = template(**EVERYTHING)
    monitor, service = only(items, "ServiceMonitor"), only(items, "Service")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in [p["name"] for p in service["spec"]["ports"]]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_another_configuration_starts_the_pod_anew() -> None:
    def checksum(**values: Any) -> str:
        metadata = only(template(**values), "Deployment")["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["checksum/config"])

    assert checksum() == checksum(podLabels={"zone": "a"})
    assert checksum() != checksum(config={"workers": 17})
    assert checksum() != checksum(podAnnotations={"checksum/config": "1"}, watchNamespaces=["a"])


LONG = "a" * 53
"""As long as Helm lets a release's name be."""


@pytest.mark.parametrize(
    ("release", "values"),
    [
        (LONG, EVERYTHING),
        (LONG, {**EVERYTHING, **NAMESPACED}),
        ("retrain", {**EVERYTHING, "fullnameOverride": "b" * 63, "nameOverride": "c" * 63}),
    ],
    ids=["release", "release, namespaced", "overrides"],
)
def test_names_and_labels_fit_into_63_characters(release: str, values: dict[str, Any]) -> None:
    items = template(release, **values)
    assert len(by_key(items)) == len(items)
    for item in items:
        if item["kind"] == "CustomResourceDefinition":
            continue
        assert len(item["metadata"]["name"]) <= 63, key(item)
        assert all(len(value) <= 63 for value in item["metadata"]["labels"].values()), key(item)


def test_every_value_is_a_field_of_the_schema_and_the_other_way_round() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    unused = {"global", "enabled"}
    assert set(schema["properties"]) - unused == set(values)

    def check(path: str, part: Object, of: Object) -> None:
        part = schema["definitions"].get(part.get("$ref", "").rsplit("/", 1)[-1], part)
        if "properties" not in part:
            return
        assert part["additionalProperties"] is False, path
        assert set(of) <= set(part["properties"]), path
        for name, inner in part["properties"].items():
            if name in of:
                check(f"{path}.{name}", inner, of[name])
            elif path:
                assert path == ".resources", f"{path}.{name} has no default"

    check("", {**schema, "properties": {n: schema["properties"][n] for n in values}}, values)


TYPOS: list[dict[str, Any]] = [
    {"watchNamespace": ["a"]},
    {"replicas": "2"},
    {"replicas": -1},
    {"image": {"tags": "1"}},
    {"image": {"digest": "sha256:1"}},
    {"image": {"pullPolicy": "Sometimes"}},
    {"trainer": {"images": {}}},
    {"crds": {"install": True}},
    {"crds": {"keep": "yes"}},
    {"config": {"workers": 0}},
    {"config": {"jobTtlSeconds": 1}},
    {"config": {"logLevel": "debug"}},
    {"config": {"trainerImage": "x"}},
    {"defaults": {"source": {"git": {"url": "https://example.com/x.git"}}}},
    {"defaults": []},
    {"watchNamespaces": ["a", "a"]},
    {"watchNamespaces": ["A"]},
    {"watchNamespaces": [""]},
    {"serviceAccount": {"created": True}},
    {"userRoles": {"aggregated": True}},
    {"metrics": {"serviceMonitor": {"enable": True}}},
    {"metrics": {"serviceMonitor": {"interval": "30"}}},
    {"networkPolicy": {"apiServerPorts": []}},
    {"networkPolicy": {"apiServerPorts": ["https"]}},
    {"resources": {"request": {"cpu": "1"}}},
    {"terminationGracePeriodSeconds": "30s"},
    {"nodeSelector": {"zone": 1}},
    {"fullnameOverride": "With_Capitals"},
    {"imagePullSecrets": ["registry"]},
]


@pytest.mark.parametrize("values", TYPOS, ids=json.dumps)
def test_a_typo_in_the_values_is_refused(values: dict[str, Any]) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert list(jsonschema.Draft7Validator(schema).iter_errors(values))


def test_helm_asks_the_schema() -> None:
    done = helm("template", "retrain", str(CHART), values=TYPOS[0])
    assert done.returncode != 0
    assert "watchNamespace" in done.stderr


def test_crds_are_kept_unless_told_otherwise() -> None:
    def policies(**values: Any) -> set[str | None]:
        return {
            crd["metadata"].get("annotations", {}).get("helm.sh/resource-policy")
            for crd in of_kind(template(**values), "CustomResourceDefinition")
        }

    assert policies() == {"keep"}
    assert policies(crds={"keep": False}) == {None}
    assert policies(crds={"enabled": False}) == set()
    names = [crd["metadata"]["name"] for crd in of_kind(template(), "CustomResourceDefinition")]
    assert sorted(names) == ["retrainschedules.retrain.dev", "trainingruns.retrain.dev"]


def notes(**values: Any) -> str:
    arguments = ("install", "retrain", str(CHART), "--dry-run=client", "--namespace", "default")
    done = helm(*arguments, values=values)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("NOTES:\n", 1)[1]


@variants
def test_the_notes_name_one_next_command_and_its_manifest_is_right(values: dict[str, Any]) -> None:
    text = notes(**values)
    commands = [line for line in text.splitlines() if line.startswith(("kubectl", "helm"))]
    assert len(commands) == 1
    assert ("-n team-a" in commands[0]) == ("watchNamespaces" in values)
    manifest = text.split("<<'EOF'\n", 1)[1].split("\nEOF\n", 1)[0]
    spec = effective_spec(yaml.safe_load(manifest)["spec"], values.get("defaults", {}))
    assert spec.mlflow.tracking_uri == "https://mlflow.example.com"
    assert spec.dvc.remote.url is not None


def test_the_readme_has_every_value() -> None:
    script = ROOT / "scripts" / "chart_readme.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert (CHART / "README.md").read_text() == done.stdout

    def leaves(content: Any, path: str = "") -> Iterator[str]:
        documented = f"| `{path}` |" in done.stdout
        if isinstance(content, dict) and not documented:
            for name, inner in content.items():
                yield from leaves(inner, f"{path}.{name}" if path else name)
        elif not documented:
            yield path

    assert list(leaves(yaml.safe_load((CHART / "values.yaml").read_text()))) == []
