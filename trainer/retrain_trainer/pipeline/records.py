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


def keep_record(project: Project, record: VersionRecord) -> str:
    """Write ``record`` to the store, if there is one to write to; returns its digest.

    Raises:
        RunFailed: the store does not take it.
    """
    text = record.model_dump_json()
    digest = _digest(text)
    entries.store_text(project, _path(digest), text)
    return digest


def find_record(project: Project, digest: str) -> VersionRecord | None:
    """The record with ``digest``; None where the store has none.

    Raises:
        RunFailed: the store does not answer as it should.
    """
    text = entries.read_text(project, _path(digest))
    if text is None or _digest(text) != digest:
        return None
    try:
        return VersionRecord.model_validate_json(text)
    except ValidationError:
        return None


def _path(digest: str) -> str:
    """Where the store has the record with ``digest``."""
    return f"{FOLDER}/{digest}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
