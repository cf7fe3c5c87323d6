"""The part of the pod that a run may set is checked field by field."""

import subprocess
import sys
from typing import Any

import pytest
import yaml

from core.manifests import RUN, run_with, schedule_with
from retrain_core.spec.manifest import ManifestError, parse_retrain_schedule, parse_training_run
from retrain_core.spec.pod import RULES, pod_schema

LIMITS = "spec.pod.resources.limits"


def problems(pod: Any) -> dict[str, str]:
    """The problems of a run with ``pod``: path and message."""
    with pytest.raises(ManifestError) as caught:
        parse_training_run(run_with("spec.pod", pod))
    return {problem.path: problem.message for problem in caught.value.problems}


def accepted(pod: Any) -> None:
    assert parse_training_run(run_with("spec.pod", pod)).spec.pod == pod


@pytest.mark.parametrize(
    "pod",
    [
        {},
        {"resources": {"requests": {"cpu": 1, "memory": "2Gi"}, "limits": {"example.com/gpu": 2}}},
        {"resources": {"claims": [{"name": "gpu"}]}, "resourceClaims": [{"name": "gpu"}]},
        {"env": [{"name": "A", "value": ""}, {"name": "B"}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
        {"envFrom": [{"prefix": "X_", "configMapRef": {"name": "c", "optional": True}}]},
        {"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]},
        {"volumes": [{"name": "v", "image": {"reference": "r/i:1", "pullPolicy": "Always"}}]},
        {"securityContext": {"runAsUser": 1000, "fsGroup": 0, "supplementalGroups": [5]}},
        {"tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 600},
        {"nodeSelector": {"kubernetes.io/arch": "arm64", "empty": ""}},
    ],
    ids=str,
)
def test_fields_of_kubernetes_own_are_accepted_and_kept_as_they_are(pod: Any) -> None:
    accepted(pod)


@pytest.mark.parametrize(
    ("pod", "path", "message"),
    [
        ({"resource": {}}, "spec.pod.resource", "did you mean resources?"),
        (
            {"tolerations": [{"efect": "NoSchedule"}]},
            "spec.pod.tolerations[0].efect",
            "did you mean effect?",
        ),
        ({"hostNetwork": True}, "spec.pod.hostNetwork", "unknown field"),
        ({"containers": []}, "spec.pod.containers", "unknown field"),
        (
            {"automountServiceAccountToken": True},
            "spec.pod.automountServiceAccountToken",
            "unknown",
        ),
        (
            {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
            "spec.pod.volumes[0].hostPath",
            "unknown field",
        ),
        (
            {"securityContext": {"privileged": True}},
            "spec.pod.securityContext.privileged",
            "unknown field",
        ),
        ({"securityContext": {"runAsUser": 0}}, "spec.pod.securityContext.runAsUser", "1"),
        (
            {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
            "spec.pod.securityContext.seLinuxOptions.type",
            "'container_t'",
        ),
        ({"env": [{"value": "x"}]}, "spec.pod.env[0].name", "is required"),
        ({"env": [{"name": "A", "value": 1}]}, "spec.pod.env[0].value", "string"),
        ({"env": [{"name": "A"}, {"name": "A"}]}, "spec.pod.env", "each name may be used once"),
        ({"resources": {"limits": {"cpu": "many"}}}, f"{LIMITS}.cpu", "quantity such as 2, 500m"),
        ({"resources": {"limits": {"cpu": 0.5}}}, f"{LIMITS}.cpu", "quantity"),
        ({"resources": {"limits": []}}, LIMITS, "dictionary"),
        ({"imagePullPolicy": "Sometimes"}, "spec.pod.imagePullPolicy", "'IfNotPresent'"),
        ({"nodeSelector": {"a": True}}, "spec.pod.nodeSelector.a", "string"),
        ({"labels": {"a": "not a label"}}, "spec.pod.labels.a", "match pattern"),
        ("text", "spec.pod", "dictionary"),
        ({"env": None}, "spec.pod.env", "list"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_its_place(pod: Any, path: str, message: str) -> None:
    found = problems(pod)
    assert set(found) == {path}
    assert message in found[path]


def test_a_problem_has_the_line_that_it_is_in() -> None:
    text = RUN.replace("{limits: {memory: 1Gi}}", "\n      limits:\n        memory: 1Gb")
    with pytest.raises(ManifestError) as caught:
        parse_training_run(text)
    (problem,) = caught.value.problems
    assert text.splitlines()[(problem.line or 0) - 1].strip() == "memory: 1Gb"


def test_every_problem_is_told_at_once() -> None:
    pod = {
        "env": [{"name": "RETRAIN_X"}],
        "labels": {"retrain.dev/run": "x"},
        "volumes": [{"name": "tmp"}],
        "imagePullPolicy": 1,
    }
    assert set(problems(pod)) == {
        "spec.pod.env[0].name",
        "spec.pod.labels",
        "spec.pod.volumes[0].name",
        "spec.pod.imagePullPolicy",
    }


def test_resources_of_a_check_are_checked_alike() -> None:
    with pytest.raises(ManifestError, match=r"spec\.check\.resources\.limits\.cpu: must be a"):
        parse_retrain_schedule(schedule_with("spec.check.resources", {"limits": {"cpu": "x"}}))


def test_the_pod_of_a_schedule_s_runs_is_checked_alike() -> None:
    text = schedule_with("spec.runTemplate.spec.pod", {"env": [{"nam": "A"}]})
    with pytest.raises(ManifestError, match=r"did you mean name\?"):
        parse_retrain_schedule(text)


def test_every_rule_stands_in_the_schema() -> None:
    stated = yaml.safe_dump(pod_schema(), width=1000)
    sentences = {rule.message for rules in RULES.values() for rule in rules}
    assert all(
        yaml.safe_dump(sentence, width=1000).strip("\n.") in stated for sentence in sentences
    )


def test_a_run_without_a_pod_does_not_read_the_schema() -> None:
    spec = {"source": {"image": {"path": "/app"}}}
    code = f"""
from retrain_core.spec import TrainingRunSpec
from retrain_core.spec.pod import pod_schema
TrainingRunSpec.model_validate({spec})
assert pod_schema.cache_info().currsize == 0
TrainingRunSpec.model_validate({spec | {"pod": {"labels": {}}}})
assert pod_schema.cache_info().currsize == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
