"""The CronJob of the checks: small, spread, with the run's own access and nothing of its weight."""

from typing import Any

from hypothesis import given, settings

from build.specs import specs
from retrain_core import names
from retrain_core.build.check import build_check, default_schedule
from retrain_core.build.cronjob import HASH_ANNOTATION, Schedule
from retrain_core.build.job import TrainerSettings
from retrain_core.evidence import Task, about
from retrain_core.spec import RetrainScheduleSpec
from support.pod_security import violations

OWNER = Schedule("iris", "ml", "uid")
TRAINER = TrainerSettings("trainer:1", "Never")
GIT = {"url": "https://git.example.com/team/iris.git"}
RUN: dict[str, Any] = {
    "source": {"git": GIT},
    "mlflow": {"trackingURI": "https://mlflow.example.com"},
}
RELEASE = {"name": "release", "release": {"tagPattern": "v*"}}
QUALITY = {
    "name": "quality",
    "metric": {
        "prometheus": {"url": "http://p:9090", "query": "q", "secretRef": {"name": "metrics"}},
        "below": 0.9,
    },
}


def check(
    run: Any = None, *triggers: Any, known: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    template = {"spec": run or RUN}
    whole = {"runTemplate": template, "triggers": [*(triggers or (RELEASE,))], **spec}
    checked = RetrainScheduleSpec.model_validate(whole)
    return build_check(OWNER, checked, template, known or {}, {}, TRAINER)


def job(*args: Any, **kwargs: Any) -> dict[str, Any]:
    found: dict[str, Any] = check(*args, **kwargs)["spec"]["jobTemplate"]
    return found


def pod(*args: Any, **kwargs: Any) -> dict[str, Any]:
    found: dict[str, Any] = job(*args, **kwargs)["spec"]["template"]["spec"]
    return found


def test_it_is_told_the_run_the_triggers_that_are_no_clock_and_what_is_known() -> None:
    weekly = {"name": "weekly", "cron": {"schedule": "0 0 * * 1"}}
    template = job(RUN, weekly, RELEASE, known={"release": "+"})["spec"]["template"]
    task = Task.model_validate_json(template["metadata"]["annotations"][names.CHECK_ANNOTATION])
    assert [trigger.name for trigger in task.triggers] == ["release"]
    assert task.known == {"release": "+"}
    assert task.run.source.git is not None
    assert task.run.source.git.url == GIT["url"]
    checked = RetrainScheduleSpec.model_validate(
        {"runTemplate": {"spec": RUN}, "triggers": [RELEASE]}
    )
    trigger = checked.triggers[0]
    assert about(task.triggers[0], task.run) == about(trigger, checked.run_template.spec)


def test_it_asks_for_little_and_for_no_device() -> None:
    heavy = {
        "resources": {"limits": {"nvidia.com/gpu": 1, "memory": "64Gi"}},
        "resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}],
        "nodeSelector": {"gpu": "a100"},
        "runtimeClassName": "nvidia",
        "tolerations": [{"key": "team", "operator": "Exists"}],
    }
    found = pod({**RUN, "pod": heavy})
    for container in (*found["initContainers"], *found["containers"]):
        assert container["resources"]["requests"] == {"cpu": "100m", "memory": "256Mi"}
    assert "nvidia.com/gpu" not in str(found)
    assert {"resourceClaims", "nodeSelector", "runtimeClassName"}.isdisjoint(found)
    assert found["tolerations"] == heavy["tolerations"]


def test_what_opens_the_repository_sees_no_credentials_of_git_or_of_metrics() -> None:
    run: dict[str, Any] = {
        "source": {"git": {**GIT, "secretRef": {"name": "git"}}},
        "mlflow": {**RUN["mlflow"], "secretRef": {"name": "mlflow"}},
        "dvc": {"remote": {"secretRef": {"name": "store"}}},
        "pod": {"env": [{"name": "HOME", "value": "/somewhere"}]},
    }
    found = pod(run, QUALITY)
    (look,), (checks,) = found["initContainers"], found["containers"]
    assert [one["secretRef"]["name"] for one in checks["envFrom"]] == ["mlflow", "store"]
    assert "envFrom" not in look
    secret = {names.GIT_SECRET_FOLDER, f"{names.METRICS_SECRETS_FOLDER}/quality"}
    assert secret <= {one["mountPath"] for one in look["volumeMounts"]}
    assert secret.isdisjoint(one["mountPath"] for one in checks["volumeMounts"])
    mounted = {one["secret"]["secretName"] for one in found["volumes"] if "secret" in one}
    assert mounted == {"git", "metrics"}
    assert look["env"] == checks["env"] == run["pod"]["env"]
    assert look["command"][-4:] == [
        *("--git-secret", names.GIT_SECRET_FOLDER),
        *("--metrics-secrets", names.METRICS_SECRETS_FOLDER),
    ]
    assert checks["command"][-1] == "check"


def test_it_runs_in_our_image_unless_the_code_is_in_the_run_s() -> None:
    team = {**RUN, "image": "team:2"}
    assert pod(team)["containers"][0]["image"] == "trainer:1"
    inside = {**team, "source": {"image": {"path": "/app"}}}
    assert pod(inside)["containers"][0]["image"] == "team:2"


def test_kueue_starts_it_where_a_queue_is_named() -> None:
    found = job(check={"queueName": "small"})
    assert found["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "small"
    assert found["spec"]["suspend"] is True
    assert "suspend" not in job()["spec"]


def test_the_checks_of_many_schedules_are_spread_over_ten_minutes() -> None:
    minutes = {default_schedule(f"uid-{number}") for number in range(200)}
    assert minutes == {f"{minute}-59/10 * * * *" for minute in range(10)}


def test_what_is_known_is_part_of_what_it_was_made_from() -> None:
    hashes = {
        check(known=known)["metadata"]["annotations"][HASH_ANNOTATION]
        for known in ({}, {"release": "+"}, {"release": "+AAAAAAAA"})
    }
    assert len(hashes) == 3


@settings(max_examples=50)
@given(specs())
def test_it_passes_pod_security_whatever_the_run_says(spec: dict[str, Any]) -> None:
    without = {key: value for key, value in spec.items() if key not in ("suspend", "cancel")}
    assert list(violations(job(without, QUALITY)["spec"]["template"])) == []
