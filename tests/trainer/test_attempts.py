"""Two attempts at one run do not mix, and only what a run has recorded is loaded again."""

import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from retrain_core.outcome import Reason
from retrain_core.result import parse
from support.pods import Ended
from support.recorded import assert_is_as_recorded, noisy_files
from support.toy import toy_files
from support.world import World

MakeWorld = Callable[..., World]


def trained(ended: Ended) -> Ended:
    assert ended.result.reason is Reason.TRAINED, ended
    return ended


def test_a_pod_that_comes_back_after_another_has_begun_writes_nothing_more(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(noisy_files())
    pods, hold = world.pods(), world.folder / "hold"
    hold.touch()
    assert pods.source().code == 0
    with pods.training(TOY_WAIT=str(hold)) as first:
        while not (world.folder / "hold.started").exists():
            assert first.poll() is None, pods.ended(first)
            time.sleep(0.05)
        message = pods._message("train")
        assert pods.source().code == 0
        hold.unlink()
        output, _ = first.communicate(timeout=240)
        assert first.returncode == 43, output
    result = parse(message.read_text())
    assert result is not None
    assert (result.reason, result.model) == (Reason.SUPERSEDED, None)
    trained(pods.train())
    (version,) = world.client().search_model_versions(f"name='{world.name}'")
    run_id = str(version.run_id)
    assert world.client().get_run(run_id).info.status == "FINISHED"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", world.mlflow.uri)
    assert_is_as_recorded(version, world.s3, world.bucket)


class Stranger:
    """Code that runs when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("import os; open(os.environ['TOY_MARK'], 'w').close()",)


def test_what_the_registry_has_and_no_run_has_recorded_is_never_loaded(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = make_world(_with_pickles())
    mark = tmp_path / "mark"
    trained(world.pods(TOY_MARK=str(mark)).run())
    client = world.client()
    tags = client.get_model_version(world.name, "1").tags
    strange = tmp_path / "model.pkl"
    strange.write_bytes(pickle.dumps(Stranger()))
    run = client.create_run(client.create_experiment(f"{world.name}-strange"))
    client.log_artifact(run.info.run_id, str(strange), "model")
    source = f"runs:/{run.info.run_id}/model"
    unknown = {key: text for key, text in tags.items() if key != "retrain.dev/record"}
    for number, forged in enumerate(({**unknown, "retrain.dev/record": "0" * 64}, tags)):
        made = client.create_model_version(world.name, source, run.info.run_id, tags=forged)
        client.set_registered_model_alias(world.name, "champion", made.version)
        world.repository.commit({"upstream/raw.csv": "2\n" * (number + 1)})
        model = trained(world.pods(TOY_MARK=str(mark)).run()).result.model
        assert model is not None
        assert model.reason is not None
        # With the tags of version 1 it is version 1 that is loaded.
        told = "the DVC store has no record of it" if number == 0 else "NotBetter"
        assert told in model.reason
        assert not mark.exists()


def _with_pickles() -> dict[str, str]:
    files = toy_files()
    content = '{"lr": lr, "n": len(rows("data/processed.csv"))}'
    train = files["src/train.py"].replace(
        f'json.dump({content}, open("models/model.json", "w"))',
        f'import pickle; pickle.dump({content}, open("models/model.pkl", "wb"))',
    )
    evaluate = files["src/evaluate.py"].replace(
        'json.load(open("models/model.json"))',
        '__import__("pickle").load(open("models/model.pkl", "rb"))',
    )
    pipeline = files["dvc.yaml"].replace("model.json", "model.pkl")
    return toy_files(src__train_dot_py=train, src__evaluate_dot_py=evaluate, dvc_dot_yaml=pipeline)
