"""The programs a cluster is made of, at the versions it is tested with."""

from pathlib import Path

from servers.binaries import GoModule, GoProgram, installed, program

KUBERNETES_VERSION = "v1.37.2"
_VERSION_PACKAGE = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES_VERSION.removeprefix("v").split(".")

KUBERNETES = GoModule(
    "kubernetes",
    Path(__file__).parent / "kubernetes",
    linker_flags=f"-s -w -X {_VERSION_PACKAGE}.gitVersion={KUBERNETES_VERSION}"
    f" -X {_VERSION_PACKAGE}.gitMajor={_MAJOR} -X {_VERSION_PACKAGE}.gitMinor={_MINOR}",
)
PROBE = GoModule("probe", Path(__file__).parent / "probe", static=True)

_CONTAINERD = "github.com/containerd/containerd/v2/cmd"
CONTAINERD = GoProgram("containerd", f"{_CONTAINERD}/containerd", "v2.4.2")
CONTAINERD_SHIM = GoProgram(
    "containerd-shim-runc-v2", f"{_CONTAINERD}/containerd-shim-runc-v2", "v2.4.2"
)
CTR = GoProgram("ctr", f"{_CONTAINERD}/ctr", "v2.4.2")
RUNC = GoProgram(
    "runc",
    "github.com/opencontainers/runc",
    "v1.5.2",
    # The restricted Pod Security standard asks for seccomp, which is a C library.
    tags="seccomp",
    prepare=lambda: _install_seccomp(),
)
COREDNS = GoProgram("coredns", "github.com/coredns/coredns", "v1.15.0")
KWOK = GoProgram("kwok", "sigs.k8s.io/kwok/cmd/kwok", "v0.8.0")

NODE_PROGRAMS: list[GoModule | GoProgram] = [PROBE, CONTAINERD, CONTAINERD_SHIM, CTR, RUNC, COREDNS]
"""What a node runs, apart from KUBERNETES."""

CNI_PLUGINS = Path("/usr/lib/cni")
_SECCOMP_HEADER = Path("/usr/include/seccomp.h")


def install_node_packages() -> None:
    """What Debian has of a node, unless it is there. Raises MissingRequirement."""
    for name in ("iptables", "conntrack"):
        program(name, name)
    program("ip", "iproute2")
    bridge = CNI_PLUGINS / "bridge"
    installed("CNI plugins", "containernetworking-plugins", lambda: _existing(bridge))


def _install_seccomp() -> None:
    program("gcc", "build-essential")
    program("pkg-config", "pkg-config")
    installed("libseccomp", "libseccomp-dev", lambda: _existing(_SECCOMP_HEADER))


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None
