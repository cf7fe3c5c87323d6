"""The checker itself: it finds what it is to find."""

from typing import Any

import pytest

from support.pod_security import violations

SECURITY: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def template(pod: Any = None, container: Any = None, security: Any = None, **notes: str) -> Any:
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    main = {
        "name": "main",
        "securityContext": {**SECURITY, **(security or {})},
        **(container or {}),
    }
    spec = {"securityContext": context, "containers": [main], **(pod or {})}
    return {"metadata": {"annotations": notes}, "spec": spec}


def test_a_restricted_pod_has_no_violations() -> None:
    assert list(violations(template())) == []


@pytest.mark.parametrize(
    "broken",
    [
        template({"hostNetwork": True}),
        template({"hostPID": True}),
        template({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
        template({"volumes": [{"name": "v", "nfs": {}}]}),
        template({"securityContext": {}}),
        template({"securityContext": {"runAsNonRoot": True}}),
        template({"initContainers": [{"name": "init"}]}),
        template({"ephemeralContainers": [{"name": "debug"}]}),
        template(container={"ports": [{"hostPort": 80}]}),
        template(container={"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}),
        template(container={"lifecycle": {"preStop": {"httpGet": {"host": "10.0.0.1"}}}}),
        template(security={"privileged": True}),
        template(security={"allowPrivilegeEscalation": True}),
        template(security={"capabilities": {"drop": ["NET_RAW"]}}),
        template(security={"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}),
        template(security={"runAsNonRoot": False}),
        template(security={"runAsUser": 0}),
        template(security={"procMount": "Unmasked"}),
        template(security={"seccompProfile": {"type": "Unconfined"}}),
        template(security={"appArmorProfile": {"type": "Unconfined"}}),
        template(security={"seLinuxOptions": {"type": "spc_t"}}),
        template(security={"seLinuxOptions": {"user": "sysadm_u"}}),
        template(**{"container.apparmor.security.beta.kubernetes.io/main": "unconfined"}),
    ],
    ids=str,
)
def test_what_restricted_refuses_is_found(broken: Any) -> None:
    assert list(violations(broken)) != []
