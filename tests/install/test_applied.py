"""What the manifests do on a real API server; no pod need run for it."""

import time
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

from cluster.fixtures import Cluster
from install.demo import NAMESPACE, OVERLAY
from install.rendering import MANIFESTS, ROOT, kubectl, kustomize, only
from servers.binaries import locked

Kubectl = Callable[..., str]
T = TypeVar("T")
RUNS = [
    MANIFESTS / "argocd" / "trainingrun.yaml",
    ROOT / "examples" / "iris" / "trainingrun.yaml",
    ROOT / "examples" / "iris" / "retrainschedule.yaml",
]


@pytest.fixture(scope="module")
def kube(api_server: Cluster) -> Kubectl:
    def call(*arguments: str, stdin: str = "") -> str:
        done = kubectl(*arguments, kubeconfig=api_server.kubeconfig, stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="module")
def applied(api_server: Cluster, kube: Kubectl) -> Kubectl:
    """The demo, by one command that must not fail; two at once, of two processes, do."""
    with locked(f"apply-{api_server.kubeconfig.parent.name}"):
        kube("apply", "-k", str(OVERLAY))
    return kube


@pytest.fixture
def namespace(applied: Kubectl) -> Iterator[str]:
    name = f"install-{uuid.uuid4().hex[:8]}"
    applied("create", "namespace", name)
    yield name
    applied("delete", "namespace", name, "--wait=false")


def test_applied_again_nothing_changes(applied: Kubectl) -> None:
    lines = applied("apply", "-k", str(OVERLAY)).splitlines()
    assert lines
    # Of a budget kubectl replaces the selector each time, by the same one.
    budget = "poddisruptionbudget.policy/retrain-operator configured"
    assert [line for line in lines if not line.endswith(" unchanged")] in ([], [budget])
    assert applied("diff", "-k", str(OVERLAY)) == ""


def test_pod_security_lets_every_pod_in(applied: Kubectl) -> None:
    waiting = "--for=create"
    for name in ("git", "mlflow", "s3", "start-iris"):
        applied("wait", waiting, "-n", NAMESPACE, "pod", "-l", f"app={name}", "--timeout=180s")
    operator = "app.kubernetes.io/component=operator"
    applied("wait", waiting, "-n", "retrain-system", "pod", "-l", operator, "--timeout=180s")


@pytest.mark.parametrize("server_side", [False, True], ids=["client-side", "server-side"])
@pytest.mark.parametrize("file", RUNS, ids=lambda file: "-".join(file.parts[-2:]))
def test_what_git_says_and_what_lives_do_not_differ(
    applied: Kubectl, namespace: str, file: Path, server_side: bool
) -> None:
    flags = ["--server-side", "--field-manager=argocd-controller"] if server_side else []
    applied("apply", *flags, "-n", namespace, "-f", str(file))
    assert applied("diff", *flags, "-n", namespace, "-f", str(file)) == ""
    kind = yaml.safe_load(file.read_text())["kind"]
    (live,) = yaml.safe_load(applied("get", kind, "-n", namespace, "-o", "yaml"))["items"]
    assert live["spec"] == yaml.safe_load(file.read_text())["spec"]


@pytest.mark.parametrize("server_side", [False, True], ids=["client-side", "server-side"])
def test_one_operator_becomes_two_and_can_be_rolled_back_to_one(
    applied: Kubectl, namespace: str, server_side: bool
) -> None:
    """One that contended for no Lease and was never to run twice."""
    two = only(kustomize(MANIFESTS / "base"), "Deployment")
    two["metadata"].pop("namespace")
    two["spec"]["template"]["spec"]["nodeSelector"] = {"example.com/is": "nowhere"}
    one = deepcopy(two)
    one["spec"] |= {"replicas": 1, "strategy": {"type": "Recreate"}}
    del one["spec"]["template"]["spec"]["containers"][0]["args"][-2:]
    flags = ["--server-side"] if server_side else []
    for deployment in (one, two, one):
        text = yaml.safe_dump(deployment)
        applied("apply", *flags, "-n", namespace, "-f", "-", stdin=text)
        live = yaml.safe_load(
            applied("get", "deployment", "retrain-operator", "-n", namespace, "-o", "yaml")
        )
        assert live["spec"]["replicas"] == deployment["spec"]["replicas"]
        assert live["spec"]["strategy"] == deployment["spec"]["strategy"]
        again = applied(
            "apply",
            *flags,
            "-n",
            namespace,
            "-f",
            "-",
            "--dry-run=server",
            "-o",
            "yaml",
            stdin=text,
        )
        assert yaml.safe_load(again)["spec"] == live["spec"]


def test_a_hook_gets_a_name_of_its_own_each_time(applied: Kubectl, namespace: str) -> None:
    hook = str(MANIFESTS / "argocd" / "trainingrun-hook.yaml")
    created = {applied("create", "-n", namespace, "-f", hook, "-o", "name") for _ in range(2)}
    assert len(created) == 2


@pytest.mark.parametrize(
    ("role", "verbs"),
    [
        ("edit", {"get", "list", "watch", "create", "update", "patch", "delete"}),
        ("view", {"get", "list", "watch"}),
    ],
)
def test_kubernetes_own_roles_have_runs_in_them(
    applied: Kubectl, role: str, verbs: set[str]
) -> None:
    ours = eventually(lambda: rules_of(applied, role), 60)
    assert {"trainingruns", "retrainschedules"} <= {r for each in ours for r in each["resources"]}
    assert verbs <= {verb for each in ours for verb in each["verbs"]}
    assert not any("status" in resource for each in ours for resource in each["resources"])


def rules_of(kube: Kubectl, role: str) -> list[dict[str, list[str]]]:
    """The rules about our kinds; none until the controller manager has aggregated them."""
    rules = yaml.safe_load(kube("get", "clusterrole", role, "-o", "yaml"))["rules"]
    return [rule for rule in rules if rule["apiGroups"] == ["retrain.dev"]]


def eventually(look: Callable[[], T], seconds: float) -> T:
    """What ``look`` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.2)
    return found
