"""In a pod too, nothing that has ended well is trained twice: results are found in the store."""

from pathlib import Path

import pytest

from retrain_core.outcome import Reason
from support.pods import Ended
from support.toy import EVALUATE
from support.world import World

PROMOTED_BY_A_TYPO = {"promotion": {"metric": "scroe"}}


def lock_of(world: World, ended: Ended) -> str:
    """The dvc.lock that a run has recorded."""
    assert ended.result.mlflow is not None
    path = world.client().download_artifacts(
        ended.result.mlflow.run_id or "", "retrain/dvc.lock", str(world.folder)
    )
    return Path(path).read_text()


@pytest.mark.exhaustive
def test_a_repository_whose_lock_is_committed_trains_a_change_once_and_then_restores(
    world: World,
) -> None:
    first = world.pods().run()
    changes = {"dvc.lock": lock_of(world, first), "params.yaml": "train:\n  lr: 0.4\n"}
    world.repository.commit(changes)
    world.log.unlink()
    assert world.pods().run().result.reason is Reason.TRAINED
    assert world.ran() == ["train", "evaluate"]
    for _ in range(2):
        again = world.pods().run()
        assert again.result.reason is Reason.UP_TO_DATE, again
        states = {stage.name: stage.state for stage in again.result.stages}
        assert states == {"prepare": "Unchanged", "train": "Restored", "evaluate": "Restored"}
    assert world.ran() == ["train", "evaluate"]


@pytest.mark.exhaustive
def test_the_run_after_a_failed_one_and_after_a_corrected_metric_trains_nothing_again(
    world: World,
) -> None:
    world.repository.commit({"src/evaluate.py": "raise SystemExit(3)\n"})
    assert world.pods().run().result.reason is Reason.STAGE_FAILED
    world.repository.commit({"src/evaluate.py": EVALUATE})
    typo = world.spec(model=PROMOTED_BY_A_TYPO)
    assert world.pods(typo).run().result.reason is Reason.METRIC_NOT_FOUND
    corrected = world.pods().run()
    assert corrected.result.model is not None
    assert corrected.result.model.promoted
    assert world.ran() == ["prepare", "train", "evaluate"]
