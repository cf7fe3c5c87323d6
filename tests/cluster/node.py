"""containerd, kubelet, kube-proxy and CoreDNS: their files and command lines."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.api import Api
from cluster.components import ClusterFailed, Component, Place
from cluster.images import PROBE_IMAGE, write_probe_archive
from cluster.local import CONTAINERD_SOCKET, import_command
from cluster.namespaces import NODE_ADDRESS, POD_RANGE
from cluster.pki import write_kubeconfig
from cluster.programs import CNI_PLUGINS, KUBERNETES, NODE_PROGRAMS

NODE_NAME = "node"
DNS_ADDRESS = "10.96.0.10"
INNER_SERVER = "https://127.0.0.1:6443"


@dataclass(frozen=True)
class Node:
    folder: Path
    place: Place
    api: Api
    control_group: str

    def containerd(self) -> Component:
        self._link_programs()
        self._write_json("cni/10-bridge.conflist", _network(self.folder))
        config = self.folder / "containerd.toml"
        config.write_text(_containerd(self.folder))
        ctr = [str(self.folder / "bin/ctr"), "--address", CONTAINERD_SOCKET, "version"]
        return Component(
            "containerd",
            [str(self.folder / "bin/containerd"), "--config", str(config)],
            lambda: self.place.succeeds(*ctr),
        )

    def load_sandbox_image(self) -> None:
        archive = write_probe_archive(self.folder / "probe.tar")
        if not self.place.succeeds(*import_command(self.folder, archive)):
            raise ClusterFailed("the sandbox image cannot be loaded")

    def kubelet(self) -> Component:
        resolver = self.folder / "resolv.conf"
        resolver.write_text(f"nameserver {NODE_ADDRESS}\n")
        config = self._write_json("kubelet.yaml", _kubelet(self.folder, self.control_group))
        return self._kubernetes(
            "kubelet",
            f"--config={config}",
            f"--kubeconfig={self._kubeconfig('kubelet')}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE_ADDRESS}",
            f"--root-dir={self.folder}/kubelet",
            f"--cert-dir={self.folder}/kubelet/pki",
            ready=lambda: self.api.takes_pods(NODE_NAME),
        )

    def kube_proxy(self) -> Component:
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(self._kubeconfig("kube-proxy"))},
            "mode": "iptables",
            "clusterCIDR": POD_RANGE,
            "hostnameOverride": NODE_NAME,
            # The table of connections is the machine's, not the cluster's.
            "conntrack": {"maxPerCore": 0},
        }
        path = self._write_json("kube-proxy.yaml", config)
        return self._kubernetes("kube-proxy", f"--config={path}")

    def dns(self) -> Component:
        corefile = self.folder / "Corefile"
        corefile.write_text(_corefile(self._kubeconfig("coredns")))
        command = [str(self.folder / "bin/coredns"), "-conf", str(corefile)]
        probe = [str(self.folder / "bin/probe"), "get", "http://127.0.0.1:8181/ready"]
        self._create_dns_service()
        return Component("coredns", command, lambda: self.place.succeeds(*probe))

    def _create_dns_service(self) -> None:
        ports = [{"name": each, "port": 53, "protocol": each.upper()} for each in ("udp", "tcp")]
        name = {"name": "kube-dns", "namespace": "kube-system"}
        service = {"metadata": name, "spec": {"clusterIP": DNS_ADDRESS, "ports": ports}}
        endpoints = {
            "metadata": {**name, "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [NODE_ADDRESS]}],
        }
        self.api.create("/api/v1/namespaces/kube-system/services", service)
        self.api.create(
            "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", endpoints
        )

    def _link_programs(self) -> None:
        """Under their own names: containerd looks for its shim by that."""
        (self.folder / "bin").mkdir()
        for each in NODE_PROGRAMS:
            (self.folder / "bin" / each.name).symlink_to(each.binary())

    def _kubeconfig(self, user: str) -> Path:
        path = self.folder / f"{user}.kubeconfig"
        write_kubeconfig(path, self.folder / "pki", user, INNER_SERVER)
        return path

    def _write_json(self, name: str, content: dict[str, Any]) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=2))
        return path

    def _kubernetes(
        self, name: str, *flags: str, ready: Callable[[], bool] = lambda: True
    ) -> Component:
        return Component(name, [str(KUBERNETES.binary()), name, *flags], ready)


def _containerd(folder: Path) -> str:
    return f"""\
version = 3
root = "{folder}/containerd"
state = "/run/containerd"

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{PROBE_IMAGE}"

[plugins."io.containerd.cri.v1.runtime"]
  # Else every sandbox fails where this process may not lower its own score.
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["{CNI_PLUGINS}"]
  conf_dir = "{folder}/cni"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = "{folder}/bin/runc"
  SystemdCgroup = false
"""


def _network(folder: Path) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_RANGE, "gateway": NODE_ADDRESS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": "/run/cni-addresses",
    }
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": addresses,
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "retrain", "plugins": [bridge, portmap]}


def _kubelet(folder: Path, control_group: str) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{folder}/pki/ca.pem"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{control_group}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{folder}/resolv.conf",
        "podLogsDir": f"{folder}/pods",
        "volumePluginDir": f"{folder}/volume-plugins",
        # Tests load their images themselves, and a full disk is the machine's matter.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
    }


def _corefile(kubeconfig: Path) -> str:
    return f"""\
.:53 {{
    bind {NODE_ADDRESS}
    errors
    ready 127.0.0.1:8181
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
        ttl 0
    }}
}}
"""
