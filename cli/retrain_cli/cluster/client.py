"""The cluster as a person reaches it, and what can go wrong there, each in a sentence."""

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import urllib3.exceptions
from kubernetes import config
from kubernetes.client import ApiClient, ApiException, Configuration, CoreV1Api, CustomObjectsApi

from retrain_cli.printable import block
from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import GROUP, VERSION

PLURAL = "trainingruns"
IN_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
RIGHTS = "https://github.com/retrain-dev/retrain/blob/main/docs/quickstart.md#from-ci"
"""What `retrain submit` needs."""
CONNECT_SECONDS = 10
READ_SECONDS = 30
Object = dict[str, Any]
"""A Kubernetes object as its JSON has it."""


class ClusterError(click.ClickException):
    """The cluster cannot be used, and what to do. Exit code 1, which is no reason's."""

    def format_message(self) -> str:
        return block(self.message)


class Unreachable(ClusterError):
    """It may pass: the API server did not answer, or not sensibly."""


class NotFound(ClusterError):
    """There is no such object any more."""


@dataclass(frozen=True)
class Cluster:
    """One context of a kubeconfig."""

    server: str
    namespace: str
    """The context's."""
    custom: CustomObjectsApi
    core: CoreV1Api

    def create(self, namespace: str, run: Object) -> Object:
        """The TrainingRun as the API server has stored it.

        Raises:
            RunFailed: InvalidSpec: the API server refuses the manifest.
            ClusterError: anything else.
        """
        with self.told(namespace):
            try:
                return self.custom.create_namespaced_custom_object(
                    GROUP, VERSION, namespace, PLURAL, run, **_timeout()
                )  # type: ignore[return-value]
            except ApiException as error:
                if error.status == 422:
                    raise RunFailed(Reason.INVALID_SPEC, message_of(error)) from None
                if error.status == 409:
                    raise ClusterError(_taken(run, namespace)) from None
                raise

    def read(self, namespace: str, name: str) -> Object:
        """The TrainingRun as it is now.

        Raises:
            ClusterError: it cannot be read; NotFound, Unreachable where it is that.
        """
        with self.told(namespace):
            return self.custom.get_namespaced_custom_object(
                GROUP, VERSION, namespace, PLURAL, name, **_timeout()
            )  # type: ignore[return-value]

    def read_pod(self, namespace: str, name: str) -> Object:
        """A pod as it is now; raises as :meth:`read`."""
        with self.told(namespace):
            pod = self.core.read_namespaced_pod(name, namespace, **_timeout())
            plain: Object = self.core.api_client.sanitize_for_serialization(pod)
            return plain

    def cancel(self, namespace: str, name: str) -> None:
        """Ask for the end of a run; it is over when its status says so."""
        with self.told(namespace):
            self.custom.patch_namespaced_custom_object(
                *(GROUP, VERSION, namespace, PLURAL, name),
                {"spec": {"cancel": True}},
                _content_type="application/merge-patch+json",
                **_timeout(),
            )

    @contextmanager
    def told(self, namespace: str) -> Iterator[None]:
        """What the client raises in the body becomes a :class:`ClusterError`."""
        try:
            yield
        except ApiException as error:
            raise self.explained(error, namespace) from None
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from None

    def explained(self, error: ApiException, namespace: str) -> ClusterError:
        """The same in the words of a person who types commands."""
        detail = message_of(error)
        if not error.status:
            # The client's way to tell of a failure of TLS.
            return self._unreachable(error)
        if error.status == 401:
            return ClusterError(
                f"{self.server} does not accept the credentials of your kubeconfig: log in again"
            )
        if error.status == 403:
            return ClusterError(
                f"{detail}; ask for a role that lets you use TrainingRuns in {namespace}: {RIGHTS}"
            )
        if error.status == 404:
            return _not_found(error, detail, self.server)
        text = f"{self.server} answers {error.status}: {detail}"
        if error.status in (410, 429) or error.status >= 500:
            return Unreachable(text)
        return ClusterError(text)

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = getattr(error, "reason", None) or error
        return Unreachable(
            f"{self.server} cannot be reached: {_last_words(reason)}; check your kubeconfig's"
            " context and the way to the cluster"
        )


def connect(kubeconfig: Path | None, context: str | None) -> Cluster:
    """The cluster of a kubeconfig's context, else of the pod that this runs in.

    Raises:
        ClusterError: there is no usable kubeconfig.
    """
    # Each failed attempt would be logged beside what we say ourselves.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    configuration = Configuration()
    in_pod = (
        kubeconfig is None and not _default_kubeconfig() and "KUBERNETES_SERVICE_HOST" in os.environ
    )
    try:
        if in_pod:
            config.load_incluster_config(  # type: ignore[no-untyped-call]
                client_configuration=configuration
            )
            namespace = IN_POD_NAMESPACE.read_text().strip()
        else:
            file = str(kubeconfig) if kubeconfig else None
            config.load_kube_config(  # type: ignore[no-untyped-call]
                file, context, client_configuration=configuration
            )
            namespace = _namespace(file, context)
    except (config.ConfigException, OSError, ValueError) as error:
        raise ClusterError(
            f"no usable kubeconfig: {error}; name one with --kubeconfig or KUBECONFIG, and its"
            " context with --context"
        ) from None
    # Who waits must not be kept waiting by retries that nobody sees.
    configuration.retries = 0
    api = ApiClient(configuration)
    return Cluster(configuration.host, namespace, CustomObjectsApi(api), CoreV1Api(api))


def message_of(error: ApiException) -> str:
    """What the API server says, without the HTTP around it."""
    try:
        status = json.loads(error.body or "")
    except ValueError:
        return str(error.body or error.reason or "no answer").strip()
    message = status.get("message") if isinstance(status, dict) else None
    return str(message or error.reason)


def _default_kubeconfig() -> bool:
    return "KUBECONFIG" in os.environ or (Path.home() / ".kube" / "config").exists()


def _namespace(file: str | None, context: str | None) -> str:
    contexts, active = config.list_kube_config_contexts(  # type: ignore[no-untyped-call]
        file
    )
    chosen = next((item for item in contexts if item["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


def _timeout() -> dict[str, Any]:
    return {"_request_timeout": (CONNECT_SECONDS, READ_SECONDS)}


def _taken(run: Object, namespace: str) -> str:
    name = run["metadata"].get("name") or run["metadata"]["generateName"]
    return (
        f"a TrainingRun {name} exists already in namespace {namespace}, and a run trains once:"
        " give this one another name with --name, or a name of its own each time with"
        " --generate-name"
    )


def _not_found(error: ApiException, detail: str, server: str) -> ClusterError:
    try:
        kind = json.loads(error.body or "")["details"]["kind"]
    except (ValueError, KeyError, TypeError):
        return ClusterError(
            f"{server} does not know TrainingRuns: install Retrain there, its CRDs first"
        )
    if kind == "namespaces":
        return ClusterError(f"{detail}: create it (kubectl create namespace), or name another (-n)")
    return NotFound(detail)


def _last_words(reason: object) -> str:
    """urllib3 puts the connection's address before what went wrong."""
    return re.sub(r"^\w+\(.*?\): ", "", str(reason)) or type(reason).__name__
