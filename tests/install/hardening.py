"""What we ask of our own pods beyond the restricted Pod Security standard."""

from collections.abc import Iterator
from typing import Any


def hardening(pod: dict[str, Any]) -> Iterator[str]:
    """What a pod's spec lacks of it."""
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        name = container["name"]
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{name}: its root file system can be written"
        if container.get("securityContext", {}).get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: capabilities"
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
