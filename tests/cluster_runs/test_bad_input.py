"""Ways to be wrong, as a TrainingRun: one reason and a sentence in the status.

What the trainer refuses is tried in tests/trainer/test_bad_input.py, in processes of its own.
"""

from collections.abc import Callable, Iterable, Iterator
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
            "startTimeoutSeconds": 30,
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
        {"pod": {"nodeSelector": NODE}, "startTimeoutSeconds": 30},
        Reason.UNSCHEDULABLE,
        ("node",),
    ),
    "missing-secret": (
        {
            "mlflow": {"trackingURI": "https://mlflow", "secretRef": {"name": "no-such-secret"}},
            "startTimeoutSeconds": 30,
        },
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
ON_A_NODE_ALONE = [
    "image-that-is-not-there",
    "image-without-a-trainer",
    "no-node-fits",
    "missing-secret",
    "out-of-memory",
]
"""What no process without a node can show."""
BY_THE_TRAINER = ["stage-fails"]
"""One for all of how its reason comes into the status."""
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


def test_what_is_wrong_is_told_by_reason_sentence_and_remedy(
    bad_team: Team, subtests: pytest.Subtests
) -> None:
    # Most of them wait, for what will never come.
    names = [*ON_A_NODE_ALONE, *BY_THE_TRAINER]
    all_told(bad_team, names, subtests, at_once=len(names))
    with subtests.test("the pod that ate its memory is still there to be looked at"):
        (pod,) = bad_team.kubectl.list("pods", "retrain.dev/run=out-of-memory")
        assert "--> stage prepare" in bad_team.log(pod["metadata"]["name"])


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
def test_what_the_trainer_refuses_is_told_in_the_status_too(
    bad_team: Team, subtests: pytest.Subtests
) -> None:
    names = [name for name in CASES if name not in (*ON_A_NODE_ALONE, *BY_THE_TRAINER)]
    all_told(bad_team, names, subtests, at_once=AT_ONCE)


def all_told(team: Team, names: Iterable[str], subtests: pytest.Subtests, at_once: int) -> None:
    for some in batched(names, at_once):
        team.kubectl.apply(*(bad_run(team, name) for name in some))
        for name in some:
            status = team.finished(name)
            with subtests.test(name):
                told(status, *CASES[name][1:])


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


@pytest.mark.exhaustive
def test_a_store_that_is_down_is_waited_for_by_one_attempt(
    make_a_team: Callable[..., Team],
) -> None:
    team = make_a_team()
    nowhere = f"http://{team.stores.s3_address.rpartition(':')[0]}:{free_port()}"
    team.apply("toy", team.spec(dvc={"remote": {"endpointURL": nowhere}}))
    status = team.finished("toy")
    assert status["conditions"][0]["reason"] == "StoreUnreachable", status
    assert status["attempts"] == 1
