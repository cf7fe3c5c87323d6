"""The table of all that the operator may do, and what rules amount to."""

from collections.abc import Iterable
from typing import Any

Right = tuple[str, str, str]
"""API group, resource, verb."""

TABLE = {
    ("retrain.dev", "trainingruns"): "get list watch create patch delete",
    ("retrain.dev", "trainingruns/status"): "patch",
    ("retrain.dev", "retrainschedules"): "get list watch",
    ("retrain.dev", "retrainschedules/status"): "patch",
    ("batch", "jobs"): "get list watch create patch delete",
    ("batch", "cronjobs"): "get list watch create patch delete",
    ("", "pods"): "list watch",
    ("", "events"): "list",
    ("events.k8s.io", "events"): "create",
}
LEASE: set[Right] = {("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "patch")}
"""Where the operator itself runs."""
ALLOWED: set[Right] = {(*what, verb) for what, verbs in TABLE.items() for verb in verbs.split()}


def rights(rules: Iterable[dict[str, Any]]) -> set[Right]:
    """Each rule taken apart, without the names; a rule with other fields is none of ours."""
    found: set[Right] = set()
    for rule in rules:
        assert set(rule) - {"resourceNames"} == {"apiGroups", "resources", "verbs"}, rule
        found |= {
            (group, resource, verb)
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
    return found
