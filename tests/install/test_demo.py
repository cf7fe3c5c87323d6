"""The demo: all a team would have, in one `kubectl apply -k`."""

import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped, unused-ignore]
import pytest
import yaml

from install.demo import NAMESPACE, OVERLAY, Demo, answer, git_server, mlflow_server, s3_server
from install.hardening import hardening
from install.rendering import CHART, ROOT, by_key, key, of_kind, pod_templates
from retrain_core.outcome import Reason
from retrain_core.spec import GitSource
from retrain_core.spec.manifest import parse_training_run
from retrain_trainer.git import fetch_commit
from servers.fixtures import requirements
from support.pod_security import violations
from support.pods import Pods

IRIS = ROOT / "examples" / "iris"


@pytest.fixture(scope="module")
def demo() -> Demo:
    return Demo()


@pytest.fixture
def endpoints(demo: Demo, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The addresses in trainingrun.yaml -> where these servers are in the test."""
    with (
        requirements(),
        git_server(demo, tmp_path / "git") as git,
        s3_server(demo, tmp_path / "s3") as s3,
        mlflow_server(demo, tmp_path / "mlflow") as mlflow,
    ):
        yield {"http://git/iris.git": git, "http://s3:7070": s3, "http://mlflow:5000": mlflow}


def tracked_files() -> list[str]:
    """What git tracks of iris, or would once it is added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=IRIS, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name]


def test_every_object_is_one_that_kubernetes_knows(demo: Demo) -> None:
    by_key(demo.items)
    for item in demo.items:
        kubernetes_validate.validate(item, "1.37.0", strict=True)


def test_no_kind_of_ours_comes_in_the_same_command_as_its_crd(demo: Demo) -> None:
    assert not [key(item) for item in demo.items if item["apiVersion"].startswith("retrain.dev/")]


def test_every_pod_passes_where_pod_security_is_restricted(demo: Demo) -> None:
    namespaces = of_kind(demo.items, "Namespace")
    assert {namespace["metadata"]["name"] for namespace in namespaces} == {
        *("retrain-demo", "retrain-system")
    }
    for namespace in namespaces:
        labels = namespace["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    checked = 0
    for name, template in pod_templates(demo.items):
        assert list(violations(template)) == [], name
        assert list(hardening(template["spec"])) == [], name
        checked += 1
    assert checked == 5


def test_images_of_others_have_a_digest_and_ours_this_version(demo: Demo) -> None:
    images = {
        container["image"]
        for _, template in pod_templates(demo.items)
        for container in (
            *template["spec"].get("initContainers", []),
            *template["spec"]["containers"],
        )
    }
    ours = {image for image in images if image.startswith("ghcr.io/retrain-dev/")}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    parts = ("operator", "trainer")
    assert ours == {f"ghcr.io/retrain-dev/retrain-{part}:{version}" for part in parts}
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
    assert all(
        f"-{part}:{version}" in chart["annotations"]["artifacthub.io/images"] for part in parts
    )
    assert all("@sha256:" in image for image in images - ours)


def test_the_job_may_create_the_run_and_nothing_else(demo: Demo) -> None:
    assert demo.named("Role", "start-iris")["rules"] == [
        {"apiGroups": ["retrain.dev"], "resources": ["trainingruns"], "verbs": ["create"]}
    ]
    (subject,) = demo.named("RoleBinding", "start-iris")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "start-iris", "namespace": NAMESPACE}


def test_the_run_names_the_servers_of_the_demo(demo: Demo) -> None:
    text = demo.named("ConfigMap", "start-iris")["data"]["trainingrun.yaml"]
    run = parse_training_run(text)
    ports = {
        service["metadata"]["name"]: service["spec"]["ports"][0]["port"]
        for service in of_kind(demo.items, "Service")
    }
    assert run.spec.source.git is not None
    assert (run.spec.source.git.url, ports["git"]) == ("http://git/iris.git", 80)
    assert run.spec.mlflow.tracking_uri == f"http://mlflow:{ports['mlflow']}"
    assert run.spec.dvc.remote.endpoint_url == f"http://s3:{ports['s3']}"
    assert run.spec.dvc.remote.secret_ref is not None
    demo.named("Secret", run.spec.dvc.remote.secret_ref.name)
    assert run.metadata.namespace is None


def test_the_secret_says_that_it_is_none(demo: Demo) -> None:
    assert "for-the-demo-only" in demo.credentials().values()


def test_all_files_of_iris_are_in_the_configmap(demo: Demo) -> None:
    data = demo.named("ConfigMap", "iris-files")["data"]
    files = {name.replace("__", "/"): text for name, text in data.items()}
    assert files == {name: (IRIS / name).read_text() for name in tracked_files()}


def test_a_git_server_that_starts_again_serves_the_same_commit(demo: Demo, tmp_path: Path) -> None:
    commits = []
    for number in range(2):
        folder = tmp_path / f"server-{number}"
        with requirements(), git_server(demo, folder) as url:
            commits.append(fetch_commit(GitSource(url=url), folder / "clone", None))
            pinned = fetch_commit(GitSource(url=url), folder / "again", None, pinned=commits[0])
        assert pinned == commits[0]
        for name in tracked_files():
            assert (folder / "clone" / name).read_bytes() == (IRIS / name).read_bytes()
    assert commits[0] == commits[1]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("mlflow:5000", 200),
        ("mlflow.retrain-demo.svc.cluster.local:5000", 200),
        ("localhost:8080", 200),
        ("mlflow.example.com", 403),
    ],
)
def test_mlflow_answers_to_its_own_names_alone(shared_mlflow: str, host: str, status: int) -> None:
    url = f"{shared_mlflow}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
    assert answer(url, Host=host) == status


@pytest.fixture(scope="module")
def shared_mlflow(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(demo, tmp_path_factory.mktemp("mlflow")) as uri:
        yield uri


@pytest.mark.exhaustive
def test_the_servers_and_the_run_of_the_demo_end_in_a_trained_model(
    demo: Demo, endpoints: dict[str, str], tmp_path: Path
) -> None:
    text = demo.named("ConfigMap", "start-iris")["data"]["trainingrun.yaml"]
    for there, here in endpoints.items():
        assert there in text
        text = text.replace(there, here)
    spec: dict[str, Any] = yaml.safe_load(text)["spec"]
    (tmp_path / "pods").mkdir()
    ended = Pods(tmp_path / "pods", spec, train_environment=demo.credentials()).run()
    assert ended.result.reason is Reason.TRAINED, ended
    assert ended.result.model is not None
    assert (ended.result.model.version, ended.result.model.promoted) == ("1", True)
    objects = tmp_path / "s3" / "data" / "buckets" / "models" / "iris" / "files" / "md5"
    assert len(list(objects.iterdir())) >= 3


def test_the_overlay_is_what_the_readme_says_to_apply() -> None:
    assert (
        f"kubectl apply -k {OVERLAY.relative_to(ROOT)}"
        in (ROOT / "manifests/README.md").read_text()
    )
