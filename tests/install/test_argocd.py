"""Argo CD: the health of both kinds, the examples, and what children do not inherit."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from install.lua import health
from install.rendering import CHART, MANIFESTS, ROOT, helm
from retrain_core.build.job import TrainerSettings
from retrain_core.outcome import OUTCOMES, Activity, Reason
from retrain_core.spec.manifest import parse_retrain_schedule, parse_training_run
from retrain_operator.plan.rules import plan
from retrain_operator.plan.status import final, ongoing
from retrain_operator.plan.types import Observed, Settings, Situation

ARGOCD = MANIFESTS / "argocd"
CHECKS = ARGOCD / "resource_customizations" / "retrain.dev"
KINDS = {"TrainingRun": parse_training_run, "RetrainSchedule": parse_retrain_schedule}


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Kind and entry of each health_test.yaml."""
    return [
        (kind, test)
        for kind in KINDS
        for test in yaml.safe_load((CHECKS / kind / "health_test.yaml").read_text())["tests"]
    ]


@pytest.mark.parametrize(
    ("kind", "case"), cases(), ids=lambda c: c if isinstance(c, str) else Path(c["inputPath"]).stem
)
def test_the_check_tells_the_health(kind: str, case: dict[str, Any]) -> None:
    item = yaml.safe_load((CHECKS / kind / case["inputPath"]).read_text())
    assert health(CHECKS / kind / "health.lua", item) == case["healthStatus"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_is_tested_and_is_an_object_of_its_kind(kind: str) -> None:
    files = {f"testdata/{file.name}" for file in (CHECKS / kind / "testdata").iterdir()}
    tested = [case["inputPath"] for name, case in cases() if name == kind]
    assert sorted(tested) == sorted(files)
    for file in files:
        KINDS[kind]((CHECKS / kind / file).read_text())


def test_each_health_is_among_the_examples() -> None:
    seen = {(kind, case["healthStatus"]["status"]) for kind, case in cases()}
    assert {status for kind, status in seen if kind == "TrainingRun"} == {
        *("Progressing", "Suspended", "Healthy", "Degraded")
    }
    assert {status for kind, status in seen if kind == "RetrainSchedule"} == {
        *("Progressing", "Healthy", "Degraded")
    }


RUN: dict[str, Any] = {
    "apiVersion": "retrain.dev/v1alpha1",
    "kind": "TrainingRun",
    "metadata": {
        "name": "iris",
        "namespace": "default",
        "uid": "1b9f7a52-8f0c-4b7e-9d3f-0f6a0e0f5c11",
        "generation": 3,
    },
    "spec": {
        "source": {"git": {"url": "https://example.com/iris.git"}},
        "mlflow": {"trackingURI": "https://mlflow.example.com"},
    },
}
SITUATION = Situation(
    Observed(RUN), Settings(TrainerSettings("trainer")), datetime(2026, 3, 2, tzinfo=UTC)
)


def run_health(status: dict[str, Any]) -> str:
    return health(CHECKS / "TrainingRun" / "health.lua", {**RUN, "status": status})["status"]


@pytest.mark.parametrize("reason", OUTCOMES)
def test_how_the_operator_ends_a_run_decides_its_health(reason: Reason) -> None:
    expected = "Healthy" if OUTCOMES[reason].succeeded else "Degraded"
    assert run_health(final(SITUATION, reason, "so it ended")) == expected


@pytest.mark.parametrize("reason", [*Activity, Reason.QUOTA_EXCEEDED, Reason.UNSCHEDULABLE])
def test_a_run_that_has_not_ended_is_never_healthy(reason: Activity | Reason) -> None:
    expected = "Suspended" if reason is Activity.SUSPENDED else "Progressing"
    assert run_health(ongoing(SITUATION, reason, "so it goes")) == expected


def test_the_status_of_an_older_spec_says_nothing() -> None:
    status = final(SITUATION, Reason.TRAINED, "trained")
    assert run_health(status) == "Healthy"
    assert run_health({**status, "observedGeneration": 2}) == "Progressing"
    assert run_health({}) == "Progressing"


def test_the_configmap_holds_the_text_of_the_checks() -> None:
    data = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
    assert data == {
        f"resource.customizations.health.retrain.dev_{kind}": (
            CHECKS / kind / "health.lua"
        ).read_text()
        for kind in KINDS
    }


def test_the_application_installs_the_chart_with_values_it_takes() -> None:
    application = yaml.safe_load((ARGOCD / "application.yaml").read_text())["spec"]
    assert ROOT / application["source"]["path"] == CHART
    assert "skipCrds" not in application["source"]["helm"]
    # A CRD is too long for the annotation that client-side apply keeps of it.
    assert "ServerSideApply=true" in application["syncPolicy"]["syncOptions"]
    values = application["source"]["helm"]["valuesObject"]
    done = helm("template", "retrain", str(CHART), values=values)
    assert done.returncode == 0, done.stderr


def test_a_run_in_git_does_not_delete_itself_but_a_hook_does() -> None:
    plain = parse_training_run((ARGOCD / "trainingrun.yaml").read_text())
    hook = parse_training_run((ARGOCD / "trainingrun-hook.yaml").read_text())
    assert plain.metadata.name
    assert plain.spec.ttl_seconds_after_finished is None
    assert hook.metadata.generate_name
    assert hook.metadata.annotations == {"argocd.argoproj.io/hook": "Sync"}
    assert hook.spec.ttl_seconds_after_finished
    assert hook.spec.timeout_seconds


def test_nothing_of_argo_cd_s_tracking_reaches_job_or_pod() -> None:
    tracked = deepcopy(RUN)
    tracked["metadata"] |= {
        "labels": {
            "app.kubernetes.io/instance": "iris-app",
            "argocd.argoproj.io/instance": "iris-app",
        },
        "annotations": {
            "argocd.argoproj.io/tracking-id": "iris-app:retrain.dev/TrainingRun:default/iris",
            "argocd.argoproj.io/hook": "Sync",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
        },
    }
    job = plan(Observed(tracked), SITUATION.settings, SITUATION.now).create_job
    assert job is not None
    assert job["metadata"]["ownerReferences"][0]["uid"] == tracked["metadata"]["uid"]
    text = json.dumps(job)
    assert "argocd" not in text
    assert "iris-app" not in text
    assert "last-applied" not in text
