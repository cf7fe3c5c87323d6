"""How far a run has come, kept in the store under the uid of its Job for a later attempt.

Whoever can write to the tracking server alone has no say in what that one goes on from.
"""

from pydantic import ValidationError

from retrain_trainer.pipeline import entries
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.state import PipelineState

FOLDER = "retrain/attempts"


def keep_attempt(project: Project, uid: str, state: PipelineState) -> None:
    """Write ``state`` to the store, if there is one to write to.

    Raises:
        RunFailed: the store does not take it.
    """
    entries.store_text(project, _path(uid), state.model_dump_json())


def find_attempt(project: Project, uid: str) -> PipelineState | None:
    """What the earlier attempts have kept; None where they have nothing, or it cannot be read.

    Raises:
        RunFailed: the store does not answer as it should.
    """
    text = entries.read_text(project, _path(uid))
    try:
        return PipelineState.model_validate_json(text) if text else None
    except ValidationError:
        return None


def _path(uid: str) -> str:
    return f"{FOLDER}/{uid}.json"
