"""Pods of the probe image: what they end with and what they print."""

import secrets
import time
from pathlib import Path
from typing import Any

from kubernetes import client, config  # type: ignore[import-untyped, unused-ignore]

from cluster.images import PROBE_IMAGE

JOB_SECONDS = 60
NAMESPACE = "default"


class Probing:
    """Runs probes in one cluster, below the restricted Pod Security standard."""

    def __init__(self, kubeconfig: Path, image: str = PROBE_IMAGE) -> None:
        self.image = image
        self.api = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call, unused-ignore]
        # Their types know no objects written as dicts.
        self.core: Any = client.CoreV1Api(self.api)
        self.batch: Any = client.BatchV1Api(self.api)
        self.objects: Any = client.CustomObjectsApi(self.api)
        self.definitions: Any = client.ApiextensionsV1Api(self.api)

    def create_job(self, *arguments: str) -> str:
        name = f"probe-{secrets.token_hex(4)}"
        self.batch.create_namespaced_job(NAMESPACE, _job(name, self.image, list(arguments)))
        return name

    def finish(self, job: str) -> str:
        """The condition that the Job ends with."""
        deadline = time.monotonic() + JOB_SECONDS
        while time.monotonic() < deadline:
            found = self.batch.read_namespaced_job_status(job, NAMESPACE)
            for condition in found.status.conditions or ():
                if condition.type in ("Complete", "Failed") and condition.status == "True":
                    return str(condition.type)
            time.sleep(0.1)
        raise TimeoutError(f"{job} has not ended: {self.pods(job)}")

    def pods(self, job: str) -> Any:
        selector = f"batch.kubernetes.io/job-name={job}"
        return self.core.list_namespaced_pod(NAMESPACE, label_selector=selector).items

    def output(self, *arguments: str) -> str:
        """What a pod that succeeds prints."""
        job = self.create_job(*arguments)
        ended = self.finish(job)
        [pod] = self.pods(job)
        log = str(self.core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE))
        assert ended == "Complete", log
        return log


def _job(name: str, image: str, arguments: list[str]) -> dict[str, Any]:
    container = {
        "name": "probe",
        "image": image,
        "imagePullPolicy": "Never",
        "args": arguments,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    return {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}
