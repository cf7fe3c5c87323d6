"""The operator's defaults under a run's spec."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from retrain_core.defaults import DefaultsError, check_defaults, effective_spec, with_defaults

STORE = {"url": "s3://ours", "endpointURL": "https://minio", "secretRef": {"name": "store"}}
SERVER = {"trackingURI": "https://mlflow", "experiment": "all", "secretRef": {"name": "mlflow"}}


@pytest.mark.parametrize(
    ("spec", "defaults", "merged"),
    [
        ({}, {"retries": 1}, {"retries": 1}),
        ({"retries": 0}, {"retries": 1}, {"retries": 0}),
        (
            {"pod": {"labels": {"a": "1"}}},
            {"pod": {"labels": {"b": "2"}, "priorityClassName": "p"}},
            {"pod": {"labels": {"a": "1", "b": "2"}, "priorityClassName": "p"}},
        ),
        ({"pod": {"env": []}}, {"pod": {"env": [{"name": "A"}]}}, {"pod": {"env": []}}),
        ({"dvc": {"push": False}}, {"dvc": {"push": True}}, {"dvc": {"push": False}}),
        ({"dvc": {}}, {"dvc": {"remote": STORE}}, {"dvc": {"remote": STORE}}),
        (
            {"dvc": {"remote": {"url": "s3://theirs"}}},
            {"dvc": {"remote": STORE}},
            {"dvc": {"remote": {"url": "s3://theirs"}}},
        ),
        (
            {"dvc": {"remote": {"endpointURL": "https://theirs"}}},
            {"dvc": {"remote": STORE}},
            {"dvc": {"remote": {"url": "s3://ours", "endpointURL": "https://theirs"}}},
        ),
        (
            {"dvc": {"remote": {"endpointURL": "https://theirs", "secretRef": {"name": "s"}}}},
            {"dvc": {"remote": STORE}},
            {
                "dvc": {
                    "remote": {**STORE, "endpointURL": "https://theirs", "secretRef": {"name": "s"}}
                }
            },
        ),
        (
            {"dvc": {"remote": {"secretRef": {"name": "theirs"}}}},
            {"dvc": {"remote": STORE}},
            {"dvc": {"remote": {**STORE, "secretRef": {"name": "theirs"}}}},
        ),
        (
            {"dvc": {"remote": {"region": "eu"}}},
            {"dvc": {"remote": STORE}},
            {"dvc": {"remote": {**STORE, "region": "eu"}}},
        ),
        (
            {"mlflow": {"trackingURI": "https://theirs"}},
            {"mlflow": SERVER},
            {"mlflow": {"trackingURI": "https://theirs", "experiment": "all"}},
        ),
        (
            {"mlflow": {"trackingURI": "https://theirs", "secretRef": {"name": "theirs"}}},
            {"mlflow": SERVER},
            {
                "mlflow": {
                    **SERVER,
                    "trackingURI": "https://theirs",
                    "secretRef": {"name": "theirs"},
                }
            },
        ),
        (
            {"mlflow": {"experiment": "iris"}},
            {"mlflow": SERVER},
            {"mlflow": {**SERVER, "experiment": "iris"}},
        ),
        (
            {"dvc": {"cache": {"sizeLimit": "1Gi"}}},
            {"dvc": {"cache": {"claimName": "shared"}}},
            {"dvc": {"cache": {"sizeLimit": "1Gi"}}},
        ),
    ],
    ids=[
        "a field that is missing",
        "a field that is there",
        "maps are merged",
        "lists are replaced whole",
        "no is an answer",
        "the store with its credentials",
        "a store of the run's own brings its own credentials or none",
        "an endpoint of the run's own does not get the store's credentials",
        "an endpoint of the run's own with credentials",
        "credentials of the run's own for the default store",
        "a region for the default store",
        "a tracking server of the run's own does not get the default one's credentials",
        "a tracking server of the run's own with credentials",
        "an experiment on the default tracking server",
        "a cache is a claim or a limit",
    ],
)
def test_what_a_run_does_not_say_is_taken_from_the_defaults(
    spec: Any, defaults: Any, merged: Any
) -> None:
    before = copy.deepcopy((spec, defaults))
    assert with_defaults(spec, defaults) == merged
    assert (spec, defaults) == before


@pytest.mark.parametrize(
    ("defaults", "words"),
    [
        ({"source": {}}, "defaults.source: is each run's own"),
        ({"suspend": True}, "defaults.suspend: is each run's own"),
        ({"cancel": True}, "defaults.cancel: is each run's own"),
        ({"retry": 1}, "defaults.retry: Extra inputs are not permitted"),
        ({"retries": 11}, "defaults.retries: Input should be less than or equal to 10"),
        ({"pod": {"hostNetwork": True}}, "defaults.pod.hostNetwork: Extra inputs"),
        ({"mlflow": {"trackingURI": "sqlite:///x.db"}}, "sqlite:///x.db ends with the pod"),
        ({"mlflow": {"trackingURI": "mlruns"}}, "mlruns ends with the pod"),
        ({"mlflow": {"tags": {"retrain.dev/commit": "0" * 40}}}, "defaults.mlflow.tags: keys"),
        ({"mlflow": {"trackingURI": "https://u:hunter2@h"}}, "must not contain credentials"),
    ],
    ids=str,
)
def test_defaults_that_can_stand_under_no_run_are_refused(defaults: Any, words: str) -> None:
    with pytest.raises(DefaultsError) as caught:
        check_defaults(defaults)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_defaults_of_every_kind_are_accepted() -> None:
    check_defaults({})
    check_defaults({"mlflow": SERVER, "dvc": {"remote": STORE}, "queueName": "q", "retries": 0})


@pytest.mark.parametrize("uri", [None, "sqlite:///mlflow.db", "file:/mlruns", "/mlruns", "./x"])
def test_a_run_in_a_cluster_needs_a_tracking_server(uri: str | None) -> None:
    spec = {"source": {"image": {"path": "/"}}, "mlflow": {"trackingURI": uri} if uri else {}}
    with pytest.raises(ValueError, match=r"^mlflow\.trackingURI: "):
        effective_spec(spec, {})


def test_a_run_is_checked_with_its_defaults() -> None:
    spec = {"source": {"image": {"path": "/"}}, "pod": {"volumes": []}}
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}
    with pytest.raises(ValidationError, match="each must name one of volumes"):
        effective_spec(spec, {"mlflow": SERVER, "pod": {**mounts, "volumes": [{"name": "v"}]}})
