"""What a version is: its dvc.lock and model, kept in the store under the digest of the text.

Whoever can write to the tracking server alone can tag a version with any digest, but has no
record of it in the store: only bytes that such a record names are ever loaded again.
"""

import hashlib

from pydantic import ValidationError

from retrain_trainer.pipeline import entries
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.state import PipelineState

FOLDER = "retrain/records"


class VersionRecord(PipelineState):
    """A state, and which output of it is the model."""

    model_output: str
    """DVC's hash of the output that the model is, or lies in."""

    @property
    def digest(self) -> str:
        return _digest(self.model_dump_json())


def record_path(digest: str) -> str:
    """Where the record with ``digest`` is: in the store, and among the artifacts of its run."""
    return f"{FOLDER}/{digest}.json"


def keep_record(project: Project, record: VersionRecord) -> None:
    """Write ``record`` to the store, if there is one to write to.

    Raises:
        RunFailed: the store does not take it.
    """
    entries.store_text(project, record_path(record.digest), record.model_dump_json())


def find_record(project: Project, digest: str) -> VersionRecord | None:
    """The record with ``digest``; None where the store has none.

    Raises:
        RunFailed: the store does not answer as it should.
    """
    text = entries.read_text(project, record_path(digest))
    if text is None or _digest(text) != digest:
        return None
    try:
        return VersionRecord.model_validate_json(text)
    except ValidationError:
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
