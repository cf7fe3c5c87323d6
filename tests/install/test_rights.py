"""What the operator may do: the table, and nothing beside it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from install.rendering import MANIFESTS, NAMESPACE, Object, kustomize, of_kind, only, template
from install.rights import ALLOWED, LEASE, TABLE, rights
from install.values import EVERYTHING, MINIMAL, NAMESPACED

USERS = {"editor", "viewer"}


def chart(**values: Any) -> list[Object]:
    return template(**values)


def users_role(role: Object) -> bool:
    return role["metadata"]["name"].rsplit("-", 1)[1] in USERS


def granted(items: Iterable[Object], account: str) -> dict[str, set[tuple[str, str, str]]]:
    """Namespace (empty: all) -> rights of the operator's service account, by way of bindings."""
    items = list(items)
    roles = {
        (role["kind"], role["metadata"].get("namespace", ""), role["metadata"]["name"]): role
        for role in (*of_kind(items, "Role"), *of_kind(items, "ClusterRole"))
    }
    found: dict[str, set[tuple[str, str, str]]] = {}
    for binding in (*of_kind(items, "RoleBinding"), *of_kind(items, "ClusterRoleBinding")):
        subject = {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
        if binding["subjects"] != [subject]:
            continue
        namespace = binding["metadata"].get("namespace", "")
        reference = binding["roleRef"]
        place = namespace if reference["kind"] == "Role" else ""
        role = roles[reference["kind"], place, reference["name"]]
        found.setdefault(namespace, set()).update(rights(role["rules"]))
    return found


def base(overlay: str) -> list[Object]:
    return kustomize(MANIFESTS / overlay)


def account_of(items: Iterable[Object]) -> str:
    return str(only(items, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"])


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_the_chart_grants_the_table_in_the_whole_cluster(values: dict[str, Any]) -> None:
    items = chart(**values)
    assert granted(items, account_of(items)) == {"": ALLOWED, NAMESPACE: LEASE}
    assert len(of_kind(items, "Role")) == 1


def test_the_base_grants_the_table_in_the_whole_cluster() -> None:
    items = base("base")
    assert granted(items, account_of(items)) == {"": ALLOWED, NAMESPACE: LEASE}
    assert len(of_kind(items, "Role")) == 1


WAYS = {
    "chart": lambda: chart(fullnameOverride="own"),
    "base": lambda: base("base"),
    "namespaced overlay": lambda: base("overlays/namespaced"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_operator_may_touch_no_lease_but_its_own(way: Callable[[], list[Object]]) -> None:
    items = way()
    container = only(items, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    name = only(items, "Deployment")["metadata"]["name"]
    assert container["args"][-2:] == ["--lease", f"$(POD_NAMESPACE)/{name}"]
    (variable,) = container["env"]
    assert variable["name"] == "POD_NAMESPACE"
    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    rules = [
        rule
        for role in (*of_kind(items, "Role"), *of_kind(items, "ClusterRole"))
        for rule in role["rules"]
        if "leases" in rule["resources"]
    ]
    named = {verb: rule.get("resourceNames") for rule in rules for verb in rule["verbs"]}
    # A creation has no name to be asked for.
    assert named == {"get": [name], "patch": [name], "create": None}


def test_the_chart_grants_the_table_in_watched_namespaces_alone() -> None:
    items = chart(**NAMESPACED)
    assert granted(items, account_of(items)) == {
        "team-a": ALLOWED,
        "team-b": ALLOWED,
        NAMESPACE: LEASE,
    }
    assert all(users_role(role) for role in of_kind(items, "ClusterRole"))


def test_the_namespaced_overlay_grants_the_table_in_the_watched_namespace_alone() -> None:
    items = base("overlays/namespaced")
    assert granted(items, account_of(items)) == {"default": ALLOWED, NAMESPACE: LEASE}
    assert all(users_role(role) for role in of_kind(items, "ClusterRole"))
    assert of_kind(items, "ClusterRoleBinding") == []


def test_somebody_without_cluster_rights_can_install_the_chart() -> None:
    items = chart(**{**MINIMAL, **NAMESPACED, "rbac": {"create": True}})
    assert {item["kind"] for item in items} == {
        "ConfigMap",
        "Deployment",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
    }


def test_no_pod_of_the_operator_gets_a_token_but_by_its_deployment() -> None:
    for items in (chart(), base("base")):
        assert only(items, "ServiceAccount")["automountServiceAccountToken"] is False
        pod = only(items, "Deployment")["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is True


def test_the_table_has_none_of_what_an_operator_must_not_have() -> None:
    forbidden = {"secrets", "configmaps", "serviceaccounts", "nodes", "pods/exec", "pods/log"}
    assert not forbidden & {resource for _, resource in TABLE}
    assert not any("*" in part for right in ALLOWED for part in right)


@pytest.mark.parametrize("source", ["chart", "base"])
def test_people_get_runs_and_schedules_with_kubernetes_own_roles(source: str) -> None:
    items = chart() if source == "chart" else base("base")
    roles = {role["metadata"]["name"]: role for role in of_kind(items, "ClusterRole")}
    editor, viewer = roles["retrain-trainingrun-editor"], roles["retrain-trainingrun-viewer"]
    aggregated = "rbac.authorization.k8s.io/aggregate-to-"
    for role, into in ((editor, {"admin", "edit"}), (viewer, {"view"})):
        labels = role["metadata"]["labels"]
        assert {label for label in labels if label.startswith(aggregated)} == {
            aggregated + name for name in into
        }
        kinds = {resource for _, resource, _ in rights(role["rules"])}
        assert kinds == {"trainingruns", "retrainschedules"}
    reading = {verb for _, _, verb in rights(viewer["rules"])}
    assert reading == {"get", "list", "watch"}
    # The status is the operator's: who may write it could claim a training that never was.
    assert reading < {verb for _, _, verb in rights(editor["rules"])}


def test_aggregation_can_be_left_out() -> None:
    roles = [role for role in of_kind(chart(**EVERYTHING), "ClusterRole") if users_role(role)]
    assert len(roles) == 2
    assert not any(
        "aggregate-to" in label for role in roles for label in role["metadata"]["labels"]
    )


def test_the_folder_of_a_watched_namespace_says_where_it_is_to_be_copied() -> None:
    watched = Path(MANIFESTS / "overlays/namespaced/watched/kustomization.yaml").read_text()
    assert "namespace: default" in watched
