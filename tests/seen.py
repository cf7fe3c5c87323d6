"""Triggers that are no clock, and what a check sees of them."""

from collections.abc import Iterable
from typing import Any

from retrain_core.evidence import (
    ColumnScore,
    DataEvidence,
    DriftEvidence,
    Evidence,
    MetricEvidence,
    ReleaseEvidence,
    Tag,
    Unseen,
    about,
)
from retrain_core.spec import TrainingRunSpec, Trigger
from retrain_core.verdict.release import KnownTags
from retrain_trainer.check import release

RELEASE = {"name": "release", "release": {"tagPattern": "v*"}}
DATA = {"name": "data", "data": {"paths": ["data/raw.csv.dvc"]}}
DRIFT = {"name": "drift", "drift": {"current": "s3://bucket/today.csv"}}
QUALITY = {
    "name": "quality",
    "metric": {"prometheus": {"url": "http://prometheus:9090", "query": "accuracy"}, "below": 0.9},
}


def tag(number: int, character: str = "a") -> Tag:
    return Tag(name=f"v1.{number}.0", commit=f"{number:x}".rjust(40, character))


def data(id_: str) -> DataEvidence:
    return DataEvidence(ids=[id_], imports=[0])


def drift(digest: str, psi: str = "0.5000", champion: str = "3") -> DriftEvidence:
    drifted = int(float(psi) >= 0.2)
    score = ColumnScore(column="petal", outcome="Scored", psi=psi)
    return DriftEvidence(
        champion=champion, digest=digest, rows=150, judged=4, drifted=drifted, scores=[score]
    )


def metric(value: float) -> MetricEvidence:
    return MetricEvidence(value=str(value))


def evidence(trigger: Trigger, run: TrainingRunSpec, known: str | None, found: Any) -> Evidence:
    """As a check reports it that was told ``known``; of a release ``found`` is all its tags."""
    kind = "unseen" if isinstance(found, Unseen) else trigger.kind
    if trigger.release is not None and kind == "release":
        found = _tags(trigger, known, found)
    return Evidence(**{"trigger": trigger.name, "about": about(trigger, run), kind: found})


def _tags(trigger: Trigger, known: str | None, tags: Iterable[Tag]) -> ReleaseEvidence:
    assert trigger.release is not None
    return release.evidence([*tags], KnownTags.of(known), trigger.release, lambda _: True)
