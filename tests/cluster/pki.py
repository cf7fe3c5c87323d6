"""Who is who in a cluster: certificates of its own authority, and kubeconfigs that use them."""

import base64
from pathlib import Path

import yaml

from servers.certificates import Authority, Certificates

USERS = {
    # kubeconfig, user, group
    "admin": ("kubernetes-admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", None),
    "scheduler": ("system:kube-scheduler", None),
    "kubelet": ("system:node:node", "system:nodes"),
    "kube-proxy": ("system:kube-proxy", None),
    "coredns": ("coredns", "system:masters"),
    "kwok": ("kwok", "system:masters"),
}
SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")


def make_pki(folder: Path, addresses: list[str]) -> Authority:
    """`apiserver`, `service-accounts`, `apiserver-kubelet-client` and one pair for each user."""
    authority = Authority.create(folder, "Retrain test cluster")
    hosts = ["localhost", "127.0.0.1", *addresses, *SERVICE_NAMES]
    authority.issue("apiserver", "kube-apiserver", hosts=hosts)
    authority.issue("service-accounts", "service-accounts")
    authority.issue(
        "apiserver-kubelet-client", "apiserver", organization="system:masters", client=True
    )
    for file_name, (user, group) in USERS.items():
        authority.issue(file_name, user, organization=group, client=True)
    return authority


def write_kubeconfig(path: Path, pki: Path, user: str, server: str) -> None:
    """A file that needs no other, so that it can be copied."""
    files = Certificates(pki / "ca.pem", pki / f"{user}.pem", pki / f"{user}.key")
    cluster = {"server": server, "certificate-authority-data": _base64(files.ca_file)}
    credentials = {
        "client-certificate-data": _base64(files.certificate_file),
        "client-key-data": _base64(files.key_file),
    }
    context = {"cluster": "retrain", "user": user, "namespace": "default"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "retrain", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "retrain", "context": context}],
        "current-context": "retrain",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
