"""The restricted Pod Security standard, as far as our pods could break it."""

from collections.abc import Iterator
from typing import Any

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(pod: dict[str, Any]) -> Iterator[str]:
    """What the admission of a namespace with `enforce: restricted` would say against a pod spec."""
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    for volume in pod.get("volumes", []):
        (kind,) = set(volume) - {"name"}
        if kind not in VOLUMES:
            yield f"volume {volume['name']}: {kind}"
    shared = pod.get("securityContext", {})
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        yield from (
            f"{container['name']}: {problem}" for problem in _of_container(container, shared)
        )


def _of_container(container: dict[str, Any], shared: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    context = {**shared, **own}
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    if own.get("privileged"):
        yield "privileged"
    if own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add"):
        yield "capabilities"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "runAsNonRoot"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "seccompProfile"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "hostPort"


def hardening(pod: dict[str, Any]) -> Iterator[str]:
    """What we ask of our own pods besides."""
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        name = container["name"]
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{name}: its root file system can be written"
        if container in pod["containers"]:
            resources = container.get("resources", {})
            if set(resources.get("requests", {})) != {"cpu", "memory"}:
                yield f"{name}: asks for no cpu or memory"
            if "memory" not in resources.get("limits", {}):
                yield f"{name}: memory has no limit"
    if pod.get("enableServiceLinks") is not False:
        yield "environment variables for each service"
    if "automountServiceAccountToken" not in pod and "serviceAccountName" not in pod:
        yield "a token that nobody asked for"
