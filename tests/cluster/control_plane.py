"""etcd, API server, controller-manager and scheduler: their files and command lines."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cluster.api import Api
from cluster.components import Component, Place
from cluster.pki import write_kubeconfig

SERVICE_ADDRESS = "10.96.0.1"
SERVICE_RANGE = "10.96.0.0/16"
DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
AUDIT_LOG = "audit.log"
# The defaults, 20 to 50 calls a second, are slower than what the tests measure.
UNHURRIED = ("--kube-api-qps=2000", "--kube-api-burst=2000")


@dataclass(frozen=True)
class ControlPlane:
    folder: Path
    kubernetes: Path
    place: Place
    api: Api
    bind_address: str
    port: int
    node_address: str | None
    """Where nodes and pods reach the API server; None: there is no node."""

    def etcd(self) -> Component:
        # Memory of the cluster's own where it has a /run of its own.
        runtime = Path("/run/etcd") if self.place.holder else self.folder / "etcd"
        peer = f"unix://{runtime}/peer.sock"
        client = self._etcd_url()
        # etcd makes the folder of its data, not that of its sockets.
        self.place.succeeds("mkdir", "-p", runtime)
        return self._component(
            "etcd",
            "--name=retrain",
            f"--data-dir={runtime}/data",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=retrain={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def api_server(self) -> Component:
        pki = self.folder / "pki"
        flags = [
            f"--etcd-servers={self._etcd_url()}",
            f"--bind-address={self.bind_address}",
            f"--secure-port={self.port}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            f"--tls-cert-file={pki}/apiserver.pem",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--client-ca-file={pki}/ca.pem",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki}/service-accounts.pem",
            f"--service-account-signing-key-file={pki}/service-accounts.key",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            *self._audit_flags(),
        ]
        if self.node_address:
            flags += [
                f"--advertise-address={self.node_address}",
                # A node's name is in no DNS.
                "--kubelet-preferred-address-types=InternalIP",
                f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.pem",
                f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            ]
        else:
            # Endpoints of the Service `kubernetes` may not be loopback addresses.
            flags += ["--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]
        return self._component("kube-apiserver", *flags, ready=self.api.ready)

    def controller_manager(self) -> Component:
        pki = self.folder / "pki"
        return self._component(
            "kube-controller-manager",
            f"--kubeconfig={self._kubeconfig('controller-manager')}",
            f"--service-account-private-key-file={pki}/service-accounts.key",
            f"--root-ca-file={pki}/ca.pem",
            "--use-service-account-credentials",
            "--concurrent-job-syncs=50",
            "--leader-elect=false",
            "--secure-port=0",
            *UNHURRIED,
            # Pods are refused before their namespace has an account.
            ready=lambda: self.api.exists(DEFAULT_ACCOUNT),
        )

    def scheduler(self) -> Component:
        return self._component(
            "kube-scheduler",
            f"--kubeconfig={self._kubeconfig('scheduler')}",
            "--leader-elect=false",
            "--secure-port=0",
            *UNHURRIED,
        )

    def _etcd_url(self) -> str:
        runtime = Path("/run/etcd") if self.place.holder else self.folder / "etcd"
        return f"unix://{runtime}/client.sock"

    def _kubeconfig(self, user: str) -> Path:
        path = self.folder / f"{user}.kubeconfig"
        server = f"https://127.0.0.1:{self.port}"
        write_kubeconfig(path, self.folder / "pki", user, server)
        return path

    def _audit_flags(self) -> list[str]:
        policy = self.folder / "audit-policy.yaml"
        rules = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "Metadata"}],
        }
        policy.write_text(json.dumps(rules))
        return [
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.folder}/{AUDIT_LOG}",
            # An entry stands in the log before its request is answered, and none is rotated away.
            "--audit-log-mode=blocking",
            "--audit-log-maxsize=10000",
        ]

    def _component(
        self, name: str, *flags: str, ready: Callable[[], bool] = lambda: True
    ) -> Component:
        return Component(name, [str(self.kubernetes), name, *flags], ready)
