"""`retrain submit` creates a TrainingRun, or says in a sentence why it cannot."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import (
    ApiClient,
    AuthenticationV1TokenRequest,
    CoreV1Api,
    V1ObjectMeta,
    V1ServiceAccount,
    V1TokenRequestSpec,
)

from retrain_core.outcome import OUTCOMES, Reason
from submit.conftest import RETRAIN, Namespace
from support.toy import manifest, toy_spec

INVALID_SPEC = OUTCOMES[Reason.INVALID_SPEC].exit_code


def test_the_run_of_the_manifest_is_created_and_its_name_is_printed(namespace: Namespace) -> None:
    code, told, printed = namespace.submit("-o", "name").end()
    assert (code, told, printed) == (0, "", "trainingrun.retrain.dev/toy\n")
    assert namespace.run()["spec"] == toy_spec()


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_the_created_object_can_be_printed(namespace: Namespace, form: str) -> None:
    code, _, printed = namespace.submit("-o", form).end()
    assert code == 0
    shown = json.loads(printed) if form == "json" else yaml.safe_load(printed)
    assert shown["metadata"]["uid"] == namespace.run()["metadata"]["uid"]


def test_what_is_typed_stands_in_the_spec(namespace: Namespace) -> None:
    submission = namespace.submit("--set", "train.lr=0.7", "--revision", "v1.2", "--name", "other")
    assert submission.name() == "other"
    assert submission.end()[0] == 0
    spec = namespace.run("other")["spec"]
    assert spec["dvc"]["params"] == {"train.lr": 0.7}
    assert spec["source"]["git"]["revision"] == "v1.2"


def test_each_run_may_have_a_name_of_its_own(namespace: Namespace) -> None:
    names = {namespace.submit("--generate-name").name() for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("toy-") for name in names)
    assert sorted(names) == namespace.names()


def test_a_name_that_exists_is_an_error_that_says_what_to_do(namespace: Namespace) -> None:
    assert namespace.submit().end()[0] == 0
    code, told, _ = namespace.submit().end()
    assert code == 1
    assert f"a TrainingRun toy exists already in namespace {namespace.name}" in told
    assert "--generate-name" in told


@pytest.mark.parametrize(
    ("arguments", "spec", "said"),
    [
        ([], toy_spec(retires=1), "spec.retires: unknown field: did you mean retries?"),
        (["--revision=--upload-pack=x"], None, "spec.source.git.revision: must be a branch"),
        (["--name", "No_Name"], None, "metadata.name: String should match"),
        (["--set", "lr"], None, "--set lr: must be KEY=VALUE"),
        (
            ["--revision", "v1"],
            toy_spec(source={"image": {"path": "/app"}}),
            "--revision: spec.source.image has no revision",
        ),
    ],
)
def test_a_wrong_manifest_never_reaches_the_cluster(
    namespace: Namespace, arguments: list[str], spec: dict[str, Any] | None, said: str
) -> None:
    code, told, printed = namespace.submit(*arguments, spec=spec).end()
    assert (code, printed) == (INVALID_SPEC, "")
    assert "InvalidSpec: " in told
    assert said in told
    assert namespace.names() == []


def test_the_namespace_of_the_manifest_and_that_typed_must_agree(namespace: Namespace) -> None:
    run = json.loads(manifest(toy_spec()))
    run["metadata"]["namespace"] = "elsewhere"
    (namespace.folder / "other.yaml").write_text(json.dumps(run))
    code, told, _ = namespace.submit("-f", "other.yaml").end()
    assert code == INVALID_SPEC
    assert f"metadata.namespace is elsewhere, and --namespace {namespace.name}" in told


def test_the_manifest_may_come_by_standard_input(namespace: Namespace) -> None:
    done = subprocess.run(
        [str(RETRAIN), "submit", "-f", "-", "-n", namespace.name, "-o", "name"],
        input=manifest(toy_spec(), "piped"),
        env=os.environ | {"KUBECONFIG": str(namespace.kubeconfig)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "trainingrun.retrain.dev/piped\n"


def test_a_namespace_that_is_missing_is_named(namespace: Namespace) -> None:
    code, told, _ = namespace.submit("-n", "no-such-namespace").end()
    assert code == 1
    assert 'namespaces "no-such-namespace" not found: create it' in told


def test_a_missing_kubeconfig_is_told(namespace: Namespace) -> None:
    code, told, _ = namespace.submit(KUBECONFIG="/no/such/file").end()
    assert code == 1
    assert told.startswith("Error: no usable kubeconfig: ")


def test_a_context_that_is_missing_is_told(namespace: Namespace) -> None:
    code, told, _ = namespace.submit("--context", "no-such-context").end()
    assert code == 1
    assert "no usable kubeconfig" in told
    assert "no-such-context" in told


def test_the_namespace_may_come_from_the_context(namespace: Namespace) -> None:
    changed = _kubeconfig(namespace, lambda c: c["contexts"][0]["context"].update(namespace="far"))
    done = subprocess.run(
        [str(RETRAIN), "submit", "-f", "-", "--kubeconfig", str(changed)],
        input=manifest(toy_spec()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'namespaces "far" not found' in done.stderr


def test_an_api_server_that_is_away_is_told_in_a_sentence(namespace: Namespace) -> None:
    dead = _kubeconfig(namespace, _server(lambda _: "https://127.0.0.1:1"))
    code, told, _ = namespace.submit("--kubeconfig", str(dead)).end()
    assert code == 1
    assert "https://127.0.0.1:1 cannot be reached: " in told
    assert "Connection refused" in told
    assert len(told.splitlines()) == 1


def test_a_server_without_the_crds_is_told(namespace: Namespace) -> None:
    other = _kubeconfig(namespace, _server(lambda server: f"{server}/nothing-is-served-here"))
    code, told, _ = namespace.submit("--kubeconfig", str(other)).end()
    assert code == 1
    assert "does not know TrainingRuns: install Retrain there, its CRDs first" in told


def test_who_may_not_create_runs_is_told_so(namespace: Namespace, api: ApiClient) -> None:
    token = _token(namespace, api)
    poor = _kubeconfig(namespace, lambda c: c["users"][0].update(user={"token": token}))
    code, told, _ = namespace.submit("--kubeconfig", str(poor)).end()
    assert code == 1
    assert "trainingruns.retrain.dev is forbidden" in told
    assert token not in told


def test_credentials_that_are_not_accepted_are_told(namespace: Namespace) -> None:
    unknown = _kubeconfig(namespace, lambda c: c["users"][0].update(user={"token": "canary"}))
    code, told, _ = namespace.submit("--kubeconfig", str(unknown)).end()
    assert code == 1
    assert "does not accept the credentials of your kubeconfig" in told
    assert "canary" not in told


def _token(namespace: Namespace, api: ApiClient) -> str:
    core = CoreV1Api(api)
    account = V1ServiceAccount(metadata=V1ObjectMeta(name="poor"))
    core.create_namespaced_service_account(namespace.name, account)
    request = AuthenticationV1TokenRequest(spec=V1TokenRequestSpec(audiences=[]))
    made = core.create_namespaced_service_account_token("poor", namespace.name, request)
    assert made.status
    return str(made.status.token)


def _server(change: Any) -> Any:
    def apply(content: dict[str, Any]) -> None:
        cluster = content["clusters"][0]["cluster"]
        cluster["server"] = change(cluster["server"])

    return apply


def _kubeconfig(namespace: Namespace, change: Any) -> Path:
    content = yaml.safe_load(namespace.kubeconfig.read_text())
    change(content)
    path = namespace.folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path
