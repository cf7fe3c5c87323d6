"""Whoever writes to MLflow, and to nothing else, between attempts and between runs: whatever they
change there, no code, commit or file is used that git and the store do not vouch for."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient

from retrain_core.outcome import Reason
from support.pods import Ended, Pods
from support.world import World

BOMB = "9" * 4999
"""More digits than Python reads."""
STALE = hashlib.md5(b'{"lr": 0.5, "n": 3}').hexdigest()
"""Of the model of version 1, which lies in the store."""


def trained(ended: Ended) -> Ended:
    assert ended.result.reason is Reason.TRAINED, ended
    return ended


def _text(client: MlflowClient, run_id: str, path: str, text: str) -> None:
    client.log_text(run_id, text, path)


def forged_state(world: World) -> dict[str, Any]:
    """That all stages have ended, and that `train` has written the model of version 1."""
    text = world.s3.get(world.bucket, f"dvc/retrain/records/{record_of(world)}.json")
    state: dict[str, Any] = json.loads(text)
    lock = yaml.safe_load(state["locks"]["dvc.lock"])
    lock["stages"]["train"]["params"]["params.yaml"]["train.lr"] = 0.4
    state["locks"]["dvc.lock"] = yaml.safe_dump(lock, sort_keys=False)
    state["done"] = ["prepare", "train", "evaluate"]
    return state


def record_of(world: World) -> str:
    return str(world.client().get_model_version(world.name, "1").tags["retrain.dev/record"])


Change = Callable[[World, str], None]
"""Of the MLflow run with that id; version 1 is there to be changed too."""


def tags(**values: str) -> Change:
    def change(world: World, run_id: str) -> None:
        for name, value in values.items():
            world.client().set_tag(run_id, f"retrain.dev/{name.replace('_', '-')}", value)

    return change


def artifact(path: str) -> Change:
    def change(world: World, run_id: str) -> None:
        text = json.dumps(forged_state(world))
        for each in (run_id, str(world.client().get_model_version(world.name, "1").run_id)):
            world.client().log_text(each, text, path.format(record=record_of(world)))

    return change


def version_tags(**values: str) -> Change:
    def change(world: World, run_id: str) -> None:
        for name, value in values.items():
            key = f"retrain.dev/{name.replace('_', '-')}"
            world.client().set_model_version_tag(world.name, "1", key, value)

    return change


def alias_moved(world: World, run_id: str) -> None:
    """To a version with files of the adversary's, that claims to be version 1."""
    client = world.client()
    version = client.get_model_version(world.name, "1")
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "theirs", "stolen/model.json")
    copied = {key: value for key, value in version.tags.items() if key != "retrain.dev/run-id"}
    made = client.create_model_version(world.name, f"runs:/{run_id}/stolen", run_id, tags=copied)
    client.set_registered_model_alias(world.name, "champion", made.version)


CHANGES: dict[str, Change] = {
    "the number of the attempt": tags(attempt=BOMB),
    "the run's name and release": tags(run="other", release="v9"),
    "the state of before": artifact("retrain/state.json"),
    "the record": artifact("retrain/records/{record}.json"),
    "dvc.lock": artifact("retrain/dvc.lock"),
    "the children": artifact("retrain/children.json"),
    "a version's record": version_tags(record="0" * 64),
    "a version's commit": version_tags(commit="0" * 40),
    "a version's judgement": version_tags(judged_again=BOMB, promoting=f"{BOMB} champion {BOMB}"),
    "a version's metrics": version_tags(metrics=json.dumps({"score": 1e300})),
    "the alias": alias_moved,
}


def attempted(world: World) -> tuple[Pods, str]:
    """The pods of a run of which one attempt was killed while it trained, and its MLflow run."""
    world.repository.commit({"params.yaml": "train:\n  lr: 0.4\n"})
    pods, hold = world.pods(), world.folder / "hold"
    hold.touch()
    source = pods.source()
    assert source.result.mlflow is not None, source
    with pods.training(TOY_WAIT=str(hold)) as process:
        while not Path(f"{hold}.started").exists():
            assert process.poll() is None, pods.ended(process)
    hold.unlink()
    return pods, str(source.result.mlflow.run_id)


def goes_on_as_if_nothing_had_happened(world: World, pods: Pods) -> None:
    world.log.unlink()
    ended = trained(pods.run())
    assert world.ran() == ["train", "evaluate"]
    assert ended.result.commit == world.repository.sha()
    assert {metric.name: metric.value for metric in ended.result.metrics}["score"] == "0.4"
    assert ended.result.model is not None
    number = ended.result.model.version
    version = world.client().get_model_version(world.name, str(number))
    text = world.s3.get(
        world.bucket, f"dvc/retrain/records/{version.tags['retrain.dev/record']}.json"
    )
    assert STALE not in text.decode()
    model = hashlib.md5(b'{"lr": 0.4, "n": 3}').hexdigest()
    assert json.loads(text)["model_output"] == model


def test_no_change_in_mlflow_decides_what_the_next_attempt_goes_on_from(world: World) -> None:
    trained(world.pods().run())
    pods, run_id = attempted(world)
    for change in CHANGES.values():
        change(world, run_id)
    goes_on_as_if_nothing_had_happened(world, pods)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CHANGES)
def test_no_single_change_in_mlflow_decides_what_the_next_attempt_goes_on_from(
    world: World, name: str
) -> None:
    trained(world.pods().run())
    pods, run_id = attempted(world)
    CHANGES[name](world, run_id)
    goes_on_as_if_nothing_had_happened(world, pods)


def test_a_later_attempt_trains_the_commit_of_the_first_or_none(world: World) -> None:
    """An older commit of the branch is one that git vouches for."""
    older = world.repository.sha()
    pods, run_id = attempted(world)
    tags(commit=older)(world, run_id)
    world.log.unlink()
    ended = pods.run()
    assert ended.result.reason is Reason.SOURCE_NOT_FOUND, ended
    assert f"this one was given {older}" in ended.result.message
    assert world.ran() == []
