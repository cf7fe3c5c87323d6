"""What the API server says to an object of ours."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client import ApiException

from crds.files import crd

GROUP, VERSION = "retrain.dev", "v1alpha1"
PLURALS = {
    kind: crd(kind)["spec"]["names"]["plural"] for kind in ("TrainingRun", "RetrainSchedule")
}
SERVED_WITHIN_SECONDS = 30

Object = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """One thing wrong with an object."""

    field: str
    message: str


class Server:
    """An API server, and a namespace in it."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        api = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        self.objects = client.CustomObjectsApi(api)
        self.core = client.CoreV1Api(api)
        metadata = client.V1ObjectMeta(generate_name="crds-")
        namespace = self.core.create_namespace(client.V1Namespace(metadata=metadata))
        assert namespace.metadata is not None
        self.namespace = str(namespace.metadata.name)

    def remove_namespace(self) -> None:
        self.core.delete_namespace(self.namespace)

    def wait_until_served(self) -> None:
        """A definition is established before every part of the server has heard of it."""
        for kind in PLURALS:
            deadline = time.monotonic() + SERVED_WITHIN_SECONDS
            while not self._served(kind):
                assert time.monotonic() < deadline, f"{kind} is not served"
                time.sleep(0.1)

    def refusals(self, body: Object) -> set[Refusal]:
        """Why ``body`` would not be created; nothing if it would be."""
        try:
            self._create(body, dry_run="All", field_validation="Strict")
        except ApiException as error:
            return _refusals(error)
        return set()

    def refusals_of_text(self, kind: str, text: str) -> set[Refusal]:
        """Why the object written as JSON in ``text`` would not be created."""
        api = self.objects.api_client
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{PLURALS[kind]}?dryRun=All"
        # Past the client's own encoder, which cannot follow what is deep.
        answer = api.rest_client.pool_manager.request(
            "POST",
            f"{api.configuration.host}{path}",
            body=text,
            headers={"Content-Type": "application/json"},
        )
        return _told(answer.data) if answer.status >= 300 else set()

    def create(self, body: Object) -> Object:
        return self._create(body)

    def patch_refusals(self, kind: str, name: str, spec: Object) -> set[Refusal]:
        """Why a merge patch of the spec of an object that exists is refused; tried only."""
        try:
            self.objects.patch_namespaced_custom_object(
                *(GROUP, VERSION, self.namespace, PLURALS[kind], name, {"spec": spec}),
                dry_run="All",
            )
        except ApiException as error:
            return _refusals(error)
        return set()

    def set_status(self, kind: str, name: str, status: Object) -> Object:
        """The object after ``status`` was merged into its own; an unknown field is an error."""
        patched = self.objects.patch_namespaced_custom_object_status(
            *(GROUP, VERSION, self.namespace, PLURALS[kind], name, {"status": status}),
            field_validation="Strict",
        )
        assert isinstance(patched, dict)
        return patched

    def _create(self, body: Object, **options: Any) -> Object:
        created = self.objects.create_namespaced_custom_object(
            *(GROUP, VERSION, self.namespace, PLURALS[body["kind"]]), body, **options
        )
        assert isinstance(created, dict)
        return created

    def _served(self, kind: str) -> bool:
        try:
            self.objects.list_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURALS[kind]
            )
        except ApiException as error:
            if error.status != 404:
                raise
            return False
        return True


def _refusals(error: ApiException) -> set[Refusal]:
    return _told(error.body or "{}")


def _told(text: str | bytes) -> set[Refusal]:
    body = json.loads(text)
    causes = body.get("details", {}).get("causes")
    if not causes:
        return {Refusal("", body["message"])}
    return {Refusal(cause.get("field", ""), cause["message"]) for cause in causes}
