"""The Role that docs/quickstart.md gives to CI is enough for `retrain submit`, and not too much."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import (
    ApiClient,
    AuthenticationV1TokenRequest,
    CoreV1Api,
    RbacAuthorizationV1Api,
    RbacV1Subject,
    V1ObjectMeta,
    V1RoleBinding,
    V1RoleRef,
    V1ServiceAccount,
    V1TokenRequestSpec,
)

from documentation.page import File, steps
from submit.conftest import Namespace


@pytest.fixture
def role() -> dict[str, Any]:
    (file,) = (step for step in steps("quickstart.md", "From CI") if isinstance(step, File))
    found: dict[str, Any] = yaml.safe_load(file.content)
    return found


@pytest.fixture
def kubeconfig(namespace: Namespace, api: ApiClient, role: dict[str, Any]) -> Path:
    """Of a ServiceAccount that has this Role in the namespace."""
    core, rbac = CoreV1Api(api), RbacAuthorizationV1Api(api)
    account = V1ServiceAccount(metadata=V1ObjectMeta(name="ci"))
    core.create_namespaced_service_account(namespace.name, account)
    rbac.create_namespaced_role(namespace.name, role)  # type: ignore[arg-type]
    binding = V1RoleBinding(
        metadata=V1ObjectMeta(name="ci"),
        role_ref=V1RoleRef(
            api_group="rbac.authorization.k8s.io", kind="Role", name=role["metadata"]["name"]
        ),
        subjects=[RbacV1Subject(kind="ServiceAccount", name="ci", namespace=namespace.name)],
    )
    rbac.create_namespaced_role_binding(namespace.name, binding)
    request = AuthenticationV1TokenRequest(spec=V1TokenRequestSpec(audiences=[]))
    made = core.create_namespaced_service_account_token("ci", namespace.name, request)
    assert made.status
    content = yaml.safe_load(namespace.kubeconfig.read_text())
    content["users"][0]["user"] = {"token": made.status.token}
    path = namespace.folder / "ci.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_service_account_with_this_role_can_submit_wait_and_cancel(
    namespace: Namespace, kubeconfig: Path
) -> None:
    submission = namespace.submit(
        "--wait", "--cancel-on-interrupt", "--kubeconfig", str(kubeconfig)
    )
    submission.name()
    namespace.status("Training", podName="toy-abcde", attempts=1)
    submission.says("Training")
    submission.interrupt()
    submission.says("cancelling")
    namespace.status("Cancelled", "cancelled", "False")
    _, told, _ = submission.end()
    assert "forbidden" not in told
    assert namespace.run()["spec"]["cancel"] is True
