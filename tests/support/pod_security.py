"""Pod Security `restricted`, from the Kubernetes documentation of the Pod Security Standards."""

from collections.abc import Iterator
from typing import Any

VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
    *("projected", "secret"),
    # Not in the documentation yet; the API server's own check has it.
    "image",
}
SELINUX_TYPES = {
    *("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"),
}
SYSCTLS = {
    *(
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
    ),
    *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
    *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"

Object = dict[str, Any]


def violations(template: Object) -> Iterator[str]:
    """What a namespace that enforces `restricted` would say against a pod of ``template``."""
    pod = template["spec"]
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field))
    for key, value in (template["metadata"].get("annotations") or {}).items():
        allowed = value == "runtime/default" or value.startswith("localhost/")
        if key.startswith(APPARMOR) and not allowed:
            yield f"annotation {key}: {value}"
    for volume in pod.get("volumes", ()):
        yield from (
            f"volume {volume['name']}: {kind}" for kind in volume.keys() - {"name"} - VOLUMES
        )
    shared = pod.get("securityContext") or {}
    yield from _of_any_context("pod", shared)
    yield from (
        f"sysctl {sysctl['name']}"
        for sysctl in shared.get("sysctls", ())
        if sysctl["name"] not in SYSCTLS
    )
    kinds = ("initContainers", "containers", "ephemeralContainers")
    for container in [container for kind in kinds for container in pod.get(kind, ())]:
        yield from (f"{container['name']}: {found}" for found in _of_container(container, shared))


def _of_container(container: Object, shared: Object) -> Iterator[str]:
    own = container.get("securityContext") or {}
    yield from _of_any_context("", own)
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in capabilities.get("drop", ()):
        yield "capabilities are not dropped"
    if set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
    if own.get("procMount", "Default") != "Default":
        yield "procMount"
    if own.get("runAsNonRoot", shared.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot"
    if "seccompProfile" not in own and "seccompProfile" not in shared:
        yield "seccompProfile"
    yield from _of_hosts(container)


def _of_hosts(container: Object) -> Iterator[str]:
    """Ports of the node, and probes and hooks that reach other hosts."""
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield "hostPort"
    probes = [container.get(f"{kind}Probe") for kind in ("liveness", "readiness", "startup")]
    hooks = (container.get("lifecycle") or {}).values()
    for probe in (*filter(None, probes), *hooks):
        for action in probe.values():
            if isinstance(action, dict) and action.get("host"):
                yield "a host in a probe or a hook"


def _of_any_context(where: str, context: Object) -> Iterator[str]:
    """What holds for the security context of a pod and of a container alike."""
    if context.get("runAsUser") == 0:
        yield f"{where}: runAsUser"
    if context.get("runAsNonRoot") is False:
        yield f"{where}: runAsNonRoot"
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield f"{where}: seLinuxOptions"
    seccomp = context.get("seccompProfile")
    if seccomp is not None and seccomp.get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{where}: seccompProfile"
    apparmor = context.get("appArmorProfile")
    if apparmor is not None and apparmor.get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{where}: appArmorProfile"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield f"{where}: hostProcess"
