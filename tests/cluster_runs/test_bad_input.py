"""Every way to be wrong, as a TrainingRun: one reason and a sentence in the status."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cluster_runs.team import GIT_CA, Object, Team, secret
from retrain_core.outcome import OUTCOMES, Reason
from servers.process import free_port
from support.toy import DVC_YAML, toy_files

Changes = dict[str, Any]


def git(**changes: str) -> Changes:
    return {"source": {"git": changes}}


def dvc(**changes: Any) -> Changes:
    return {"dvc": changes}


NODE = {"kubernetes.io/hostname": "nowhere"}
SPECS: dict[str, tuple[Changes, Reason, tuple[str, ...]]] = {
    "unknown-revision": (git(revision="no-such"), Reason.SOURCE_NOT_FOUND, ("no-such",)),
    "no-such-folder": (git(path="elsewhere"), Reason.SOURCE_NOT_FOUND, ("elsewhere",)),
    "wrong-git-password": (
        {"source": {"git": {"secretRef": {"name": "wrong-git"}}}},
        Reason.SOURCE_DENIED,
        (),
    ),
    "unknown-parameter": (
        dvc(params={"train.lrr": 1}),
        Reason.INVALID_SPEC,
        ("spec.dvc.params.train.lrr", "train.lr"),
    ),
    "unknown-target": (dvc(targets=["tain"]), Reason.INVALID_SPEC, ("tain", "train")),
    "missing-metric": (
        {"model": {"promotion": {"metric": "scor"}}},
        Reason.METRIC_NOT_FOUND,
        ("scor", "score"),
    ),
    "wrong-bucket": (
        dvc(remote={"url": "s3://no-such-bucket/dvc"}),
        Reason.STORE_NOT_FOUND,
        ("no-such-bucket",),
    ),
    "wrong-keys": (
        dvc(remote={"secretRef": {"name": "wrong-store"}}),
        Reason.STORE_DENIED,
        (),
    ),
    "sqlite-in-a-cluster": (
        {"mlflow": {"trackingURI": "sqlite:///mlflow.db"}},
        Reason.INVALID_SPEC,
        ("sqlite", "tracking server"),
    ),
    "image-that-is-not-there": (
        {
            "image": "localhost/none:1",
            "pod": {"imagePullPolicy": "Never"},
            "startTimeoutSeconds": 60,
        },
        Reason.IMAGE_PULL_FAILED,
        ("localhost/none:1",),
    ),
    "image-without-a-trainer": (
        {"image": "localhost/probe:test"},
        Reason.CONTAINER_FAILED,
        ("/opt/trainer/bin/python",),
    ),
    "no-node-fits": (
        {"pod": {"nodeSelector": NODE}, "startTimeoutSeconds": 60},
        Reason.UNSCHEDULABLE,
        ("node",),
    ),
    "missing-secret": (
        {"mlflow": {"secretRef": {"name": "no-such-secret"}}, "startTimeoutSeconds": 60},
        Reason.CONFIG_MISSING,
        ("no-such-secret",),
    ),
    "out-of-memory": (
        {
            # Else it would start from the dvc.lock of the version that another case registers.
            "dvc": {"force": ["prepare"]},
            "pod": {
                "resources": {"limits": {"memory": "300Mi"}, "requests": {"memory": "200Mi"}},
                "env": [GIT_CA, {"name": "TOY_EAT", "value": "1"}],
            },
        },
        Reason.OUT_OF_MEMORY,
        ("memory",),
    ),
}
EATING = """
import os
if os.environ.get("TOY_EAT"):
    eaten = [b"x" * (1 << 20) for _ in range(4000)]
"""
PROJECTS: dict[str, tuple[dict[str, str | None], Reason, tuple[str, ...]]] = {
    "no-dvc-yaml": ({"dvc.yaml": None}, Reason.INVALID_PIPELINE, ("no dvc.yaml",)),
    "broken-yaml": (
        {"dvc.yaml": "stages:\n  train:\n    cmd: [unclosed\n    deps: x\n"},
        Reason.INVALID_PIPELINE,
        ("dvc.yaml", "line 4"),
    ),
    "stage-fails": (
        {"src/train.py": "import sys\nprint('the last words')\nsys.exit(3)\n"},
        Reason.STAGE_FAILED,
        ("train", "exited with 3", "the last words"),
    ),
    "no-output": ({"src/train.py": "print('forgot')\n"}, Reason.OUTPUT_MISSING, ("models/model",)),
    "ambiguous-model": (
        {
            "dvc.yaml": DVC_YAML.replace(
                "outs: [models/model.json]", "outs: [models/model.json, models/other.json]"
            )
        },
        Reason.MODEL_AMBIGUOUS,
        ("models/other.json",),
    ),
    "upstream-is-gone": ({"upstream/raw.csv": None}, Reason.DATA_MISSING, ("raw.csv",)),
}


CASES = {**SPECS, **PROJECTS}
OWN_REMEDIES = {
    "unknown-parameter": "Correct the parameter in the manifest",
    "no-dvc-yaml": "Correct spec.source.git.path",
}
"""Where the sentence of the reason would not fit."""


AT_ONCE = 4
"""Runs that the node works on side by side."""


@pytest.fixture
def bad_team(make_a_team: Callable[..., Team]) -> Team:
    """With a branch for each of PROJECTS."""
    files = toy_files()
    files["src/prepare.py"] = EATING + files["src/prepare.py"]
    team = make_a_team(files)
    wrong = {"username": "trainer", "password": "wrong-password"}
    keys = {
        "AWS_ACCESS_KEY_ID": team.stores.s3.access_key,
        "AWS_SECRET_ACCESS_KEY": "wrong-secret-key",
    }
    team.kubectl.apply(
        secret("wrong-git", wrong, "kubernetes.io/basic-auth"), secret("wrong-store", keys)
    )
    for name, (project, _, _) in PROJECTS.items():
        team.repository.branch(name, "main")
        team.repository.commit(project, branch=name)
    return team


@pytest.mark.timeout(1200)
def test_what_is_wrong_is_told_by_reason_sentence_and_remedy(
    bad_team: Team, subtests: pytest.Subtests
) -> None:
    for names in batched(CASES, AT_ONCE):
        bad_team.kubectl.apply(*(bad_run(bad_team, name) for name in names))
        for name in names:
            status = bad_team.finished(name)
            with subtests.test(name):
                told(status, *CASES[name][1:], remedy=OWN_REMEDIES.get(name))
    with subtests.test("the pod that ate its memory is still there to be looked at"):
        (pod,) = bad_team.kubectl.list("pods", "retrain.dev/run=out-of-memory")
        assert "--> stage prepare" in bad_team.log(pod["metadata"]["name"])


def bad_run(team: Team, name: str) -> Object:
    changes = SPECS[name][0] if name in SPECS else {"source": {"git": {"revision": name}}}
    return team.run(name, team.spec(retries=0, **changes))


def told(status: Object, reason: Reason, words: tuple[str, ...], remedy: str | None = None) -> None:
    condition = status["conditions"][0]
    assert (condition["status"], condition["reason"]) == ("False", reason), status
    for word in words:
        assert word in condition["message"], condition
    assert (remedy or OUTCOMES[reason].remedy) in condition["message"]
    for secret_text in ("wrong-password", "wrong-secret-key"):
        assert secret_text not in str(status)
    stalled = next(found for found in status["conditions"] if found["type"] == "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", reason)


def batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = list(names)
    while rest:
        yield rest[:size]
        del rest[:size]


@contextmanager
def limited(team: Team, limit: Object) -> Iterator[None]:
    team.kubectl.apply(limit)
    yield
    team.kubectl("delete", limit["kind"], limit["metadata"]["name"])


def test_a_quota_that_is_used_up_is_told_and_the_run_goes_on_when_there_is_room(
    team: Team,
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    }
    with limited(team, quota):
        team.apply("toy")
        team.wait_for("toy", "QuotaExceeded")
        assert "exceeded quota: none" in team.reason("toy")[2]
    assert team.finished("toy", 400)["conditions"][0]["reason"] == "Trained"


def test_a_pod_that_admission_refuses_is_told(team: Team) -> None:
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "10Mi"}}]},
    }
    team.kubectl.apply(limits)
    big = {"resources": {"limits": {"memory": "1Gi"}}}
    team.apply("toy", team.spec(pod=big, startTimeoutSeconds=20))
    status = team.finished("toy")
    assert status["conditions"][0]["reason"] == "PodRefused", status
    assert "maximum memory usage per Container is 10Mi" in status["conditions"][0]["message"]


def test_a_store_that_is_down_is_tried_again(make_a_team: Callable[..., Team]) -> None:
    team = make_a_team()
    nowhere = f"http://{team.stores.s3_address.rpartition(':')[0]}:{free_port()}"
    team.apply("toy", team.spec(dvc={"remote": {"endpointURL": nowhere}}))
    status = team.finished("toy")
    assert status["conditions"][0]["reason"] == "StoreUnreachable", status
    assert status["attempts"] == 2
