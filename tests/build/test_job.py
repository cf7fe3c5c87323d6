"""What each field of a spec does to the Job."""

import copy
from typing import Any

import pytest

from retrain_core.build.job import Owner, TrainerSettings, build_job
from retrain_core.defaults import effective_spec

GIT = {"url": "https://git.example.com/team/iris.git"}
TRAINER = TrainerSettings("trainer:1", "Never")


def job(release: str | None = None, **spec: Any) -> dict[str, Any]:
    whole = {
        "source": {"git": GIT},
        "mlflow": {"trackingURI": "https://mlflow.example.com"},
        **spec,
    }
    return build_job(Owner("iris", "ml", "0a1b", release), effective_spec(whole, {}), TRAINER)


def pod(**spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = job(**spec)["spec"]["template"]["spec"]
    return found


def containers(**spec: Any) -> list[dict[str, Any]]:
    found = pod(**spec)
    return [*found["initContainers"], *found["containers"]]


@pytest.mark.parametrize(
    ("spec", "source", "train"),
    [
        ({}, "trainer:1", "trainer:1"),
        ({"image": "team:2"}, "trainer:1", "team:2"),
        ({"image": "team:2", "source": {"image": {"path": "/app"}}}, "team:2", "team:2"),
        ({"source": {"image": {"path": "/app"}}}, "trainer:1", "trainer:1"),
    ],
    ids=["the operator's", "the run's", "the code is in the run's", "the code is in ours"],
)
def test_source_runs_in_our_image_unless_the_code_is_in_the_run_s(
    spec: Any, source: str, train: str
) -> None:
    assert [container["image"] for container in containers(**spec)] == [source, train]
    for container in containers(**spec):
        (told,) = (v["value"] for v in container["env"] if v["name"] == "RETRAIN_IMAGE")
        assert told == train


def test_the_pull_policy_is_the_operator_s_unless_the_run_has_one() -> None:
    assert {container["imagePullPolicy"] for container in containers()} == {"Never"}
    always = containers(pod={"imagePullPolicy": "Always"})
    assert {container["imagePullPolicy"] for container in always} == {"Always"}


def test_the_tracking_server_s_credentials_reach_both() -> None:
    mlflow = {"trackingURI": "https://mlflow.example.com", "secretRef": {"name": "mlflow"}}
    for container in containers(mlflow=mlflow):
        assert container["envFrom"] == [{"secretRef": {"name": "mlflow"}}]


def test_the_git_secret_is_mounted_in_source_and_named_on_its_command_line() -> None:
    git = {"git": {**GIT, "secretRef": {"name": "git-credentials"}}}
    source, train = containers(source=git)
    folder = "/var/run/secrets/retrain.dev/git"
    assert source["command"][-2:] == ["--git-secret", folder]
    mount = {"name": "git-secret", "mountPath": folder, "readOnly": True}
    assert mount in source["volumeMounts"]
    assert mount not in train["volumeMounts"]
    (volume,) = (v for v in pod(source=git)["volumes"] if v["name"] == "git-secret")
    assert volume["secret"] == {"secretName": "git-credentials", "defaultMode": 0o400}
    assert "--git-secret" not in containers()[0]["command"]


@pytest.mark.parametrize(
    ("cache", "volume"),
    [
        ({"claimName": "dvc-cache"}, {"persistentVolumeClaim": {"claimName": "dvc-cache"}}),
        ({"sizeLimit": "20Gi"}, {"emptyDir": {"sizeLimit": "20Gi"}}),
        ({}, {"emptyDir": {}}),
    ],
    ids=["a claim", "a limit", "neither"],
)
def test_the_cache_is_mounted_in_both(cache: Any, volume: Any) -> None:
    dvc = {"cache": cache}
    assert {"name": "cache", **volume} in pod(dvc=dvc)["volumes"]
    for container in containers(dvc=dvc):
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert mounts["/workspace/state/cache"] == "cache"


def cache_folders(**spec: Any) -> set[str]:
    """Of the claim, as both containers mount it."""
    mounted = [
        mount["subPath"]
        for container in containers(dvc={"cache": {"claimName": "shared"}}, **spec)
        for mount in container["volumeMounts"]
        if mount["mountPath"] == "/workspace/state/cache"
    ]
    assert len(mounted) == 2
    return set(mounted)


def test_each_repository_has_a_folder_of_its_own_on_a_claim_for_caches() -> None:
    def git(url: str, **more: str) -> Any:
        return {"source": {"git": {"url": url, **more}}}

    def image(reference: str) -> Any:
        return {"source": {"image": {"path": "/srv/project"}}, "image": reference}

    one = cache_folders(**git("https://git.example.com/team/iris.git"))
    assert cache_folders(**git("https://git.example.com/team/iris.git", revision="v2")) == one
    assert cache_folders(**image("registry:5000/a:1")) == cache_folders(
        **image("registry:5000/a:2")
    )
    apart = [
        one,
        cache_folders(**git("https://git.example.com/team/other.git")),
        cache_folders(**git("https://git.example.com/evil/iris.git")),
        cache_folders(**image("registry:5000/a@sha256:" + "0" * 64)),
        cache_folders(**image("registry:5000/b:1")),
    ]
    assert all(len(folders) == 1 for folders in apart)
    assert len(set.union(*apart)) == len(apart)


def test_without_a_cache_there_is_no_volume_for_it() -> None:
    assert "cache" not in {volume["name"] for volume in pod()["volumes"]}


def test_a_variable_of_the_run_s_takes_the_place_of_a_convenience_of_ours() -> None:
    env = [{"name": "HOME", "value": "/data"}, {"name": "A", "value": "1"}]
    for container in containers(pod={"env": env}):
        told = {variable["name"]: variable.get("value") for variable in container["env"]}
        assert (told["HOME"], told["A"]) == ("/data", "1")
        assert told["UV_CACHE_DIR"] == "/workspace/state/cache/uv"


def test_devices_are_the_training_s_and_memory_is_both_s() -> None:
    resources = {
        "requests": {"cpu": 2, "nvidia.com/gpu": 1},
        "limits": {"memory": "8Gi", "nvidia.com/gpu": 1},
        "claims": [{"name": "gpu"}],
    }
    source, train = containers(pod={"resources": resources})
    assert source["resources"] == {"requests": {"cpu": 2}, "limits": {"memory": "8Gi"}}
    assert train["resources"] == resources


def test_a_user_of_the_run_s_choice_is_kept_and_never_root() -> None:
    context = pod(pod={"securityContext": {"runAsUser": 1000, "fsGroup": 0}})["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (1000, 65532, 0)
    assert context["runAsNonRoot"] is True


def test_a_queue_is_a_label_of_the_job_and_not_of_its_pods() -> None:
    built = job(queueName="gpus")
    label = "kueue.x-k8s.io/queue-name"
    assert built["metadata"]["labels"][label] == "gpus"
    assert label not in built["spec"]["template"]["metadata"]["labels"]
    assert built["spec"]["suspend"] is True
    assert "suspend" not in job()["spec"]


def test_a_release_stands_on_the_pod_only_where_there_is_one() -> None:
    assert "retrain.dev/release" not in job()["spec"]["template"]["metadata"]["annotations"]
    annotations = job("v1.2")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["retrain.dev/release"] == "v1.2"


def test_a_suspended_run_is_built_like_any_other() -> None:
    assert job(suspend=True, cancel=False, ttlSecondsAfterFinished=5) == job()


def test_building_changes_nothing_it_is_given() -> None:
    spec: dict[str, Any] = {
        "source": {"git": GIT},
        "mlflow": {"trackingURI": "https://mlflow.example.com"},
        "pod": {"env": [{"name": "A"}], "envFrom": [{"secretRef": {"name": "s"}}], "labels": {}},
    }
    before = copy.deepcopy(spec)
    built = job(**spec)
    built["spec"]["template"]["metadata"]["labels"]["new"] = "label"
    assert job(**spec) != built
    assert spec == before
