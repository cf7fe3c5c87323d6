"""Opens the DVC project of a run, with remotes and cache given in memory."""

import logging
import os
from functools import partial
from pathlib import Path

from dvc.config import ConfigError
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.output import Output as Output
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage
from dvc_data.hashfile.db import HashFileDB

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.execution import Execution
from retrain_trainer.patience import Patience
from retrain_trainer.pipeline.errors import UNREADABLE, pipeline_failure
from retrain_trainer.pipeline.original import link_outside
from retrain_trainer.pipeline.stores import Stores, find_stores


class Project:
    """A DVC project as one run sees it."""

    def __init__(self, repo: Repo, path: Path, stores: Stores, patience: Patience) -> None:
        self.repo = repo
        self.path = path
        self.stores = stores
        self.patience = patience
        self.readers = [*stores.near, *stores.far]
        """Remotes to fetch from, in order; an output may name one more."""
        self.writer = stores.writer
        """Remote to push to; None where there is none."""
        self.heard: set[str] = set()
        """Remotes to read from that have answered."""
        self.silent: dict[str, RunFailed] = {}
        """Remotes to read from that failed to answer, and that the run does without."""

    def stages(self) -> list[Stage]:
        """Every stage of the project, data sources included; broken YAML is a RunFailed."""
        try:
            return list(self.repo.index.stages)
        except UNREADABLE as error:
            raise pipeline_failure(error) from error

    def producers(self) -> dict[str, Output]:
        """Absolute path of each output -> the output."""
        return {out.fs_path: out for stage in self.stages() for out in stage.outs}

    def relative(self, path: str) -> str:
        """``path`` as seen from the project's folder."""
        return os.path.relpath(path, self.path)

    def relative_to_root(self, path: str) -> str:
        """``path`` as seen from the folder that holds .dvc."""
        return os.path.relpath(path, self.repo.root_dir)

    def url(self, remote: str) -> str:
        """The URL of a remote, to be shown."""
        return without_userinfo(str(self.repo.config["remote"][remote]["url"]))

    def remote_url(self) -> str | None:
        """Where the outputs go."""
        if self.writer is None:
            return None
        url = self.repo.config["remote"][self.writer]["url"]
        return str(url)


def enter_project(execution: Execution, *, own_cache: bool = False) -> Project:
    """Open the project of ``execution``; the working directory becomes its folder.

    With ``own_cache`` contents go to the project's own DVC cache, else to the run's.

    Raises:
        RunFailed: InvalidPipeline where there is no DVC project.
    """
    if not (execution.project / "dvc.yaml").is_file():
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"there is no dvc.yaml in {_shown(execution)}: nothing to run",
            "Correct spec.source.git.path, or write a dvc.yaml, which tells how to train.",
        )
    if not own_cache:
        execution.cache.mkdir(parents=True, exist_ok=True)
    site_cache = execution.state / "site"
    os.environ["DVC_SITE_CACHE_DIR"] = str(site_cache)
    os.environ["DVC_NO_ANALYTICS"] = "1"
    # Its hints are for people who type dvc commands.
    logging.getLogger("dvc").setLevel(logging.WARNING)
    # It warns of what one remote lacks, and another may have.
    logging.getLogger("dvc.data_cloud").setLevel(logging.ERROR)
    os.chdir(execution.project)
    try:
        repo, stores = _open(execution, own_cache=own_cache)
    except NotDvcRepoError as error:
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"{_shown(execution)} is no DVC project",
            "Run `dvc init` in it, and commit what that writes.",
        ) from error
    except (ConfigError, DvcException) as error:
        raise pipeline_failure(error) from error
    project = Project(repo, execution.project, stores, execution.patience)
    if execution.local is not None:
        link_outside(project.stages(), Path(repo.root_dir), execution.local.original)
    return project


def _open(execution: Execution, *, own_cache: bool) -> tuple[Repo, Stores]:
    root = Path(Repo.find_root())
    # It stores bare process ids and outlives a kill: in a container the same ids come again.
    (root / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
    stores = find_stores(execution, Repo(str(root)).config, own_cache=own_cache)
    config = {"core": {}} | stores.config
    if not own_cache:
        config["cache"] = {"dir": str(execution.cache)}
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        config["core"]["no_scm"] = True
    config["core"] |= {"analytics": False, "check_update": False, "autostage": False}
    repo = Repo(str(root), config=config)
    if not own_cache:
        for cache in (repo.cache.local, repo.cache.legacy):
            # DVC takes a read-only file for what it is called: on a claim anybody can have put it.
            cache.check = partial(HashFileDB.check, cache)
    return repo, stores


def _shown(execution: Execution) -> str:
    git = execution.spec.source.git
    return (
        f"spec.source.git.path ({git.path})"
        if git and execution.local is None
        else str(execution.project)
    )


def commands(stages: list[Stage]) -> list[PipelineStage]:
    """Those of ``stages`` that run a command."""
    return [stage for stage in stages if isinstance(stage, PipelineStage)]
