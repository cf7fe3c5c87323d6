"""Registered versions and their tags: everything later runs need to know of a version."""

import json
import re
from dataclasses import dataclass
from typing import Protocol

from retrain_core.verdict.promotion import Turn
from retrain_trainer.tags import number_in

PREFIX = "retrain.dev"
JOB_UID = f"{PREFIX}/job-uid"
RUN_ID = f"{PREFIX}/run-id"
COMMIT = f"{PREFIX}/commit"
DIRTY = f"{PREFIX}/dirty"
UNCOMMITTED = f"{PREFIX}/uncommitted"
LOCK_MD5 = f"{PREFIX}/dvc-lock-md5"
REMOTE = f"{PREFIX}/dvc-remote"
ENVIRONMENT = f"{PREFIX}/environment"
EVALUATION = f"{PREFIX}/evaluation"
"""Identity of the measure: two versions with the same one have comparable metrics."""
EVALUATION_DATA = f"{PREFIX}/evaluation-data"
FEATURES = f"{PREFIX}/feature-stages"
MEASURED = f"{PREFIX}/measured"
"""What a version was measured to be on later data: identity of the measure -> value, as JSON."""
METRICS = f"{PREFIX}/metrics"
MODEL_MD5 = f"{PREFIX}/model-md5"
"""DVC's hash of the model; that of a folder ends with .dir."""
MODEL_PATH = f"{PREFIX}/model-path"
PIPELINE = f"{PREFIX}/pipeline"
"""Digest of what dvc.lock records of the stages of the run."""
RECORD = f"{PREFIX}/record"
"""Digest of its record, by which the DVC store has it."""
DUPLICATE = f"{PREFIX}/duplicate-of"
"""The first version of the same run, where an attempt that came to something else was first."""
RELEASE = f"{PREFIX}/release"
DECISION = f"{PREFIX}/promotion"
DECISION_MESSAGE = f"{PREFIX}/promotion-message"
PROMOTED = f"{PREFIX}/promoted"
CHAMPION_METRIC = f"{PREFIX}/champion-metric"
CANDIDATE_METRIC = f"{PREFIX}/candidate-metric"
PREVIOUS = f"{PREFIX}/previous-version"
JUDGED_AGAIN = f"{PREFIX}/judged-again"
"""The newest version when it was last judged again, and the uid of the Job for whose sake."""
DECIDED = f"{PREFIX}/decided"
"""The judgement, as in JUDGED_AGAIN, that the decision is of."""
WITHDRAWN = f"{PREFIX}/withdrawn"
"""With `.<alias>` behind it: since when a person does not want the version to have the alias."""
DESCRIPTION = "MLmodel"
"""The file that makes a folder a model of MLflow's."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Version:
    """A registered version."""

    number: int
    run_id: str | None
    """The MLflow run that has its files; a child of the training's where code registered it."""
    tags: dict[str, str]

    @property
    def training_run(self) -> str | None:
        """The MLflow run of its training, which has dvc.lock, metrics and profile."""
        return self.tags.get(RUN_ID) or self.run_id

    @property
    def by_code(self) -> bool:
        """Whether a stage's code registered it, with files of its own."""
        return self.training_run != self.run_id

    @property
    def record(self) -> str | None:
        """Digest of its record, if it has one."""
        message = self.tags.get(RECORD, "")
        return message if _DIGEST.fullmatch(message) else None

    @property
    def duplicate(self) -> bool:
        """Whether another attempt of its run registered first: it is never promoted."""
        return DUPLICATE in self.tags

    @property
    def decided(self) -> bool:
        """Whether its promotion has been decided. Versions made by others never are open."""
        if JOB_UID not in self.tags:
            return True
        return DECISION in self.tags and self.tags.get(DECIDED, "") == self.judgement

    @property
    def judgement(self) -> str:
        """Which of its judgements is its latest; empty for the one after its registration."""
        return self.tags.get(JUDGED_AGAIN, "")

    @property
    def turn(self) -> Turn:
        """Its place among those that are judged at the same time.

        A version that is judged again counts as if it were registered then.
        """
        newest, _, _ = self.judgement.partition(" ")
        again = number_in(newest)
        return (self.number, 0) if again is None else (again, self.number)

    @property
    def model_path(self) -> str | None:
        """The output that it was registered from."""
        return self.tags.get(MODEL_PATH)

    def withdrawn(self, alias: str) -> bool:
        """Whether a person has taken ``alias`` from it."""
        return f"{WITHDRAWN}.{alias}" in self.tags

    def same_model(self, other: "Version") -> bool:
        """Whether both are of the same pipeline state, or the same bytes."""
        return any(
            self.tags.get(key) and self.tags.get(key) == other.tags.get(key)
            for key in (LOCK_MD5, PIPELINE, MODEL_MD5)
        )

    @property
    def lock_md5(self) -> str | None:
        return self.tags.get(LOCK_MD5)

    @property
    def environment(self) -> str | None:
        """Digest of the environment that it was trained in."""
        return self.tags.get(ENVIRONMENT)

    @property
    def promoted(self) -> bool:
        return self.tags.get(PROMOTED) == "true"

    def metric(self, name: str) -> float | None:
        """Its recorded value of a metric, if it has one."""
        return self.metrics.get(name)

    @property
    def metrics(self) -> dict[str, float]:
        """Its recorded metrics; anybody may write tags, so what makes no sense is left out."""
        try:
            content = json.loads(self.tags.get(METRICS, "{}"))
            return {
                key: float(value)
                for key, value in content.items()
                if isinstance(value, (int, float))
            }
        except (ValueError, AttributeError, ArithmeticError):
            return {}


@dataclass(frozen=True)
class Model:
    """A registered model, as one request has read it."""

    aliases: dict[str, int]
    tags: dict[str, str]


class Registry(Protocol):
    """What promotion needs of a registry."""

    def model(self) -> Model: ...

    def versions(self) -> list[Version]: ...

    def set_alias(self, alias: str, number: int) -> None: ...

    def tag(self, number: int, tags: dict[str, str]) -> None: ...

    def untag(self, number: int, keys: list[str]) -> None: ...

    def tag_model(self, tags: dict[str, str]) -> None: ...
