"""What holds of every Job, whatever the spec says."""

import json
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings

from build.specs import Spec, specs
from retrain_core import names
from retrain_core.build.job import Owner, TrainerSettings, build_job
from retrain_core.defaults import effective_spec
from retrain_core.outcome import FINAL_EXIT_CODES
from support.pod_security import violations

OWNER = Owner("iris", "ml", "0a1b", "v1.2")
TRAINER = TrainerSettings("registry.example.com/retrain-trainer:0.1.0")
EVERY = settings(max_examples=100, suppress_health_check=[*HealthCheck])
OURS = {
    "RETRAIN_JOB_UID": {
        "fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/controller-uid']"}
    },
    "RETRAIN_RUN_NAME": {
        "fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}
    },
    "RETRAIN_RELEASE": {"fieldRef": {"fieldPath": "metadata.annotations['retrain.dev/release']"}},
}
LABELS = {
    "app.kubernetes.io/name": "retrain-trainer",
    "app.kubernetes.io/managed-by": "retrain",
    "retrain.dev/run": "iris",
}


def job_of(spec: Spec) -> dict[str, Any]:
    return build_job(OWNER, effective_spec(spec, {}), TRAINER)


def containers_of(job: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    pod = job["spec"]["template"]["spec"]
    (source,), (train,) = pod["initContainers"], pod["containers"]
    return source, train


@EVERY
@given(specs())
def test_kubernetes_knows_every_field_and_pod_security_has_no_objection(spec: Spec) -> None:
    job = job_of(spec)
    kubernetes_validate.validate(job, "1.37.0", strict=True)
    assert list(violations(job["spec"]["template"])) == []


@EVERY
@given(specs())
def test_the_token_the_service_links_and_a_writable_root_are_never_there(spec: Spec) -> None:
    job = job_of(spec)
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["restartPolicy"] == "Never"
    for container in containers_of(job):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


@EVERY
@given(specs())
def test_labels_annotations_and_variables_of_ours_are_as_we_set_them(spec: Spec) -> None:
    job = job_of(spec)
    metadata = job["spec"]["template"]["metadata"]
    assert metadata["labels"].items() >= LABELS.items()
    assert job["metadata"]["labels"].items() >= LABELS.items()
    assert metadata["annotations"]["retrain.dev/release"] == "v1.2"
    assert metadata["labels"].keys() - LABELS.keys() == spec["pod"].get("labels", {}).keys()
    for container in containers_of(job):
        told = [variable["name"] for variable in container["env"]]
        assert len(set(told)) == len(told)
        env = {variable["name"]: variable.get("valueFrom") for variable in container["env"]}
        assert env.items() >= OURS.items()


@EVERY
@given(specs())
def test_no_mount_covers_another_and_each_has_its_volume(spec: Spec) -> None:
    job = job_of(spec)
    volumes = [volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]]
    assert len(set(volumes)) == len(volumes)
    for container in containers_of(job):
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert len(mounts) == len(container["volumeMounts"])
        assert mounts.items() >= {"/workspace": "workspace", "/tmp": "tmp"}.items()
        assert mounts["/etc/retrain"] == "spec"
        assert set(mounts.values()) <= set(volumes)


@EVERY
@given(specs())
def test_each_credential_reaches_one_container_alone(spec: Spec) -> None:
    spec = {**spec, "pod": {**spec["pod"], "envFrom": [{"secretRef": {"name": "warehouse"}}]}}
    spec["dvc"] = {**spec["dvc"], "remote": {"secretRef": {"name": "store-credentials"}}}
    source, train = containers_of(job_of(spec))
    for secret in ("warehouse", "store-credentials"):
        assert {"secretRef": {"name": secret}} in train["envFrom"]
        assert secret not in json.dumps(source)
    git = "git" in spec["source"] and "secretRef" in spec["source"]["git"]
    assert ("git-secret" in json.dumps(source["volumeMounts"])) == git
    assert "git-secret" not in json.dumps(train)


@EVERY
@given(specs())
def test_the_trainer_reads_the_spec_that_was_meant(spec: Spec) -> None:
    job = job_of(spec)
    text = job["spec"]["template"]["metadata"]["annotations"][names.SPEC_ANNOTATION]
    not_for_the_pod = {"pod", "suspend", "cancel", "ttlSecondsAfterFinished", "queueName"}
    assert json.loads(text) == {
        key: value for key, value in spec.items() if key not in not_for_the_pod
    }


@EVERY
@given(specs())
def test_the_job_makes_one_attempt_at_a_time_and_repeats_only_what_may_help(spec: Spec) -> None:
    job = job_of(spec)["spec"]
    assert (job["parallelism"], job["completions"]) == (1, 1)
    assert job["podReplacementPolicy"] == "Failed"
    assert job["backoffLimit"] == spec.get("retries", 2)
    disrupted, *final = job["podFailurePolicy"]["rules"]
    assert [rule["action"] for rule in (disrupted, *final)] == ["Ignore", "FailJob", "FailJob"]
    # An injected container that ends with such a code is none of ours.
    assert [rule["onExitCodes"] for rule in final] == [
        {"containerName": container, "operator": "In", "values": FINAL_EXIT_CODES}
        for container in ("source", "train")
    ]
    assert job.get("activeDeadlineSeconds") == spec.get("timeoutSeconds")
    assert job.get("suspend", False) == ("queueName" in spec)
    assert "ttlSecondsAfterFinished" not in job
