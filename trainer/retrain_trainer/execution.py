"""One execution of a TrainingRun: its spec, its identity, and the paths it works in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retrain_core.spec import TrainingRunSpec
from retrain_trainer.patience import Patience
from retrain_trainer.uncommitted import Uncommitted


@dataclass(frozen=True)
class LocalStores:
    """Stores of a laptop, in place of those the manifest names.

    Outputs go to the directory ``write``; the original's cache, the manifest's and the repository's
    remote are only read from.
    """

    original: Path
    """The DVC project that ours is a copy of: its relative remotes and imports are meant there."""
    write: Path
    publish: bool = False
    """Whether outputs go to the manifest's store all the same."""


@dataclass(frozen=True)
class WorkTree:
    """The work tree of a person, where the project is a copy of one."""

    dvc_root: Path
    """The original of the DVC project."""
    uncommitted: Uncommitted
    """What git says."""


@dataclass(frozen=True)
class Execution:
    """One execution of a TrainingRun, whoever started it."""

    name: str
    uid: str
    """Identity across attempts: in a cluster the uid of the Kubernetes Job."""
    spec: TrainingRunSpec
    project: Path
    """Folder with dvc.yaml, writable and ours."""
    state: Path
    """Writable folder for the cache, environments and scratch copies."""
    tracking_uri: str
    local: LocalStores | None = None
    image: str | None = None
    release: str | None = None
    """The git tag that the run trains, if a release started it."""
    commit: str | None = None
    """The commit of the code, if there is one."""
    work_tree: WorkTree | None = None
    patience: Patience = field(default_factory=Patience)
    """With git, the stores and the tracking server; none by itself."""
    environment: dict[str, str] = field(default_factory=dict)
    """Further variables of the stages."""
    stage_tracking_uri: Callable[[Mapping[str, str]], str] | None = None
    """Tracking URI for stages with these packages, where it is not ``tracking_uri``."""

    @property
    def experiment(self) -> str:
        """MLflow experiment: the spec's, else the model's name, else the run's."""
        model = self.spec.model
        return self.spec.mlflow.experiment or (model.name if model else self.name)

    @property
    def cache(self) -> Path:
        """DVC's cache; uv's may lie beside it, so that one claim can hold both."""
        return self.state / "cache" / "dvc"
