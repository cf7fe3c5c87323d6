"""One team: a namespace with its Secrets, a repository, a bucket and runs."""

import base64
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlflow import MlflowClient

from cluster_runs.kubectl import Kubectl, KubectlFailed
from servers.git_https import GitHttpsServer
from servers.git_repos import BareRepository
from servers.mlflow_server import MlflowServer
from servers.s3 import S3Server
from support.toy import toy_files, toy_spec

Object = dict[str, Any]
GIT_CA = {"name": "GIT_SSL_CAINFO", "value": "/etc/git-ca/ca.pem"}
GATE = "/tmp/go"
"""A stage with TOY_GATE in its environment waits until this file is there."""
HELD = {"name": "TOY_GATE", "value": GATE}
GATED_TRAIN = """
import os, time
while os.environ.get("TOY_GATE") and not os.path.exists(os.environ["TOY_GATE"]):
    time.sleep(0.1)
"""


@dataclass(frozen=True)
class Stores:
    """The servers, by their addresses here and from pods."""

    git: GitHttpsServer
    git_root: Path
    git_address: str
    s3: S3Server
    s3_address: str
    mlflow: MlflowServer
    mlflow_address: str


@dataclass(frozen=True)
class Team:
    name: str
    kubectl: Kubectl
    stores: Stores
    repository: BareRepository

    @property
    def bucket(self) -> str:
        return self.name

    def spec(self, **parts: Any) -> Object:
        """The spec of the toy project; dicts in ``parts`` are laid over its own."""
        remote = {
            "url": f"s3://{self.bucket}/dvc",
            "endpointURL": f"http://{self.stores.s3_address}",
            "secretRef": {"name": "store"},
        }
        ca = {"name": "git-ca", "mountPath": "/etc/git-ca", "readOnly": True}
        spec = toy_spec(
            source={"git": {"url": self.git_url, "secretRef": {"name": "git"}}},
            dvc={"remote": remote},
            mlflow={"trackingURI": f"http://{self.stores.mlflow_address}"},
            model={"name": self.name, "promotion": {"metric": "score"}},
            pod={
                "env": [GIT_CA],
                "volumes": [{"name": "git-ca", "configMap": {"name": "git-ca"}}],
                "volumeMounts": [ca],
                "terminationGracePeriodSeconds": 60,
            },
            retries=1,
        )
        return _laid_over(spec, parts)

    @property
    def git_url(self) -> str:
        return f"https://{self.stores.git_address}/{self.name}.git"

    def run(self, name: str, spec: Object | None = None) -> Object:
        """A TrainingRun, not applied yet."""
        return {
            "apiVersion": "retrain.dev/v1alpha1",
            "kind": "TrainingRun",
            "metadata": {"name": name},
            "spec": spec or self.spec(),
        }

    def apply(self, name: str, spec: Object | None = None) -> None:
        self.kubectl.apply(self.run(name, spec))

    def finished(self, name: str, seconds: int = 500) -> Object:
        """The status of the run once it has ended."""
        self.kubectl.wait(f"trun/{name}", "jsonpath={.status.completionTime}", seconds)
        return self.status(name)

    def status(self, name: str) -> Object:
        status: Object = self.kubectl.get("trun", name).get("status", {})
        return status

    def reason(self, name: str) -> tuple[str, str, str]:
        """Status, reason and message of `Succeeded`."""
        found = self.status(name)["conditions"][0]
        return found["status"], found["reason"], found["message"]

    def wait_for(self, name: str, reason: str, seconds: int = 120) -> None:
        path = 'jsonpath={.status.conditions[?(@.type=="Succeeded")].reason}='
        self.kubectl.wait(f"trun/{name}", path + reason, seconds)

    def open_gate(self, pod: str) -> None:
        self.kubectl("exec", pod, "--container", "train", "--", "touch", GATE)

    def pod_in_stage(self, name: str, stage: str, *, other_than: str = "") -> str:
        """The name of the run's pod once it runs ``stage``."""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            for pod in self.kubectl.list("pods", f"retrain.dev/run={name}"):
                found = str(pod["metadata"]["name"])
                if found != other_than and f"--> stage {stage} " in self.log(found):
                    return found
            time.sleep(0.5)
        logs = self.kubectl(
            "logs", "--selector", f"retrain.dev/run={name}", "--all-containers", "--ignore-errors"
        )
        raise AssertionError(f"no pod of {name} came to {stage}: {self.status(name)}\n{logs}")

    def log(self, pod: str) -> str:
        try:
            return self.kubectl("logs", pod, "--container", "train")
        except KubectlFailed:
            return ""

    def by_name(self, name: str, url: str) -> str:
        """The URL of a Service of this name, which leads to the server at ``url``."""
        found = urlsplit(url)
        ports = [{"name": "", "port": found.port}]
        self.kubectl.apply(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": name},
                "spec": {"clusterIP": "None", "ports": [{"port": found.port}]},
            },
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [found.hostname]}],
                "ports": ports,
            },
        )
        return f"http://{name}.{self.name}.svc:{found.port}"

    def client(self) -> MlflowClient:
        return MlflowClient(self.stores.mlflow.uri, self.stores.mlflow.uri)


def make_team(kubectl: Kubectl, stores: Stores, files: dict[str, str] | None = None) -> Team:
    """A namespace where Pod Security is `restricted`, and what its runs need."""
    name = f"team-{uuid.uuid4().hex[:8]}"
    files = files or toy_files()
    files = files | {"src/train.py": GATED_TRAIN + files["src/train.py"]}
    repository = BareRepository.create(stores.git_root / f"{name}.git", files)
    stores.s3.create_bucket(name)
    mine = Kubectl(kubectl.kubeconfig, name)
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": name,
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            },
        }
    )
    git = {"username": stores.git.user or "", "password": stores.git.password or ""}
    keys = stores.s3.environment()
    del keys["AWS_ENDPOINT_URL"]
    mine.apply(
        secret("git", git, "kubernetes.io/basic-auth"),
        secret("store", keys),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "git-ca"},
            "data": {"ca.pem": stores.git.ca_file.read_text()},
        },
    )
    return Team(name, mine, stores, repository)


def secret(name: str, values: dict[str, str], type_: str = "Opaque") -> Object:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": type_,
        "data": data,
    }


def _laid_over(below: Object, above: Object) -> Object:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _laid_over(old, value) if both and old else value
    return merged
