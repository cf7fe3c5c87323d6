"""Opens the DVC project of a run, with remotes and cache given in memory."""

import logging
import os
from pathlib import Path
from typing import Any

from dvc.config import ConfigError
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.output import Output as Output
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Remote
from retrain_trainer.job import Job
from retrain_trainer.pipeline.errors import pipeline_failure
from retrain_trainer.pipeline.original import link_outside, original_settings

WRITE_REMOTE = "retrain"
CACHE_REMOTE = "retrain-original-cache"


class Project:
    """A DVC project as one run sees it."""

    def __init__(self, repo: Repo, path: Path, readers: list[str], writer: str | None) -> None:
        self.repo = repo
        self.path = path
        self.readers = readers
        """Remotes to fetch from, in order."""
        self.writer = writer
        """Remote to push to; None where there is none."""

    def stages(self) -> list[Stage]:
        """Every stage of the project, data sources included; broken YAML is a RunFailed."""
        try:
            return list(self.repo.index.stages)
        except (DvcException, OSError) as error:
            raise pipeline_failure(error) from error

    def producers(self) -> dict[str, Output]:
        """Absolute path of each output -> the output."""
        return {out.fs_path: out for stage in self.stages() for out in stage.outs}

    def relative(self, path: str) -> str:
        """``path`` as seen from the project's folder."""
        return os.path.relpath(path, self.path)

    def remote_url(self) -> str | None:
        """Where the outputs go."""
        if self.writer is None:
            return None
        url = self.repo.config["remote"][self.writer]["url"]
        return str(url)


def open_project(job: Job) -> Project:
    """Open the project of ``job``; the working directory becomes its folder.

    Raises:
        RunFailed: InvalidPipeline where there is no DVC project.
    """
    if not (job.project / "dvc.yaml").is_file():
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"there is no dvc.yaml in {_shown(job)}: nothing to run",
            "Correct spec.source.git.path, or write a dvc.yaml, which tells how to train.",
        )
    job.cache.mkdir(parents=True, exist_ok=True)
    site_cache = job.state / "site"
    os.environ["DVC_SITE_CACHE_DIR"] = str(site_cache)
    os.environ["DVC_NO_ANALYTICS"] = "1"
    # Its hints are for people who type dvc commands.
    logging.getLogger("dvc").setLevel(logging.WARNING)
    os.chdir(job.project)
    try:
        repo, readers, writer = _open(job)
    except NotDvcRepoError as error:
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f"{_shown(job)} is no DVC project",
            "Run `dvc init` in it, and commit what that writes.",
        ) from error
    except (ConfigError, DvcException) as error:
        raise pipeline_failure(error) from error
    project = Project(repo, job.project, readers, writer)
    if job.local is not None:
        link_outside(project.stages(), Path(repo.root_dir), job.local.original)
    return project


def _open(job: Job) -> tuple[Repo, list[str], str | None]:
    root = Path(Repo.find_root())
    # It stores bare process ids and outlives a kill: in a container the same ids come again.
    (root / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)
    default = Repo(str(root)).config["core"].get("remote")
    config, readers, writer = _remotes(job, default)
    config["cache"] = {"dir": str(job.cache)}
    config["core"] |= {"analytics": False, "check_update": False, "autostage": False}
    return Repo(str(root), config=config), readers, writer


def _remotes(job: Job, default: str | None) -> tuple[dict[str, Any], list[str], str | None]:
    """The in-memory configuration, the remotes to read from and the one to write to."""
    spec = job.spec.dvc.remote
    settings = _settings(spec)
    name = default
    config: dict[str, Any] = {"core": {}, "remote": {}}
    if spec.url:
        name = "retrain-store"
        config["remote"][name] = settings
    elif settings and default:
        config["remote"][default] = settings
    elif settings:
        raise RunFailed(
            Reason.INVALID_SPEC,
            "spec.dvc.remote has no url, and the repository has no default remote to complete",
        )
    if name:
        config["core"]["remote"] = name
    if job.local is None:
        return config, [name] if name else [], name if job.spec.dvc.push else None
    original = original_settings(job.local.original)
    for remote, url in original.remotes.items():
        config["remote"][remote] = {"url": url, **config["remote"].get(remote, {})}
    # A DVC cache has the layout of a remote.
    config["remote"][CACHE_REMOTE] = {"url": original.cache}
    config["remote"][WRITE_REMOTE] = {"url": str(job.local.write)}
    return config, [CACHE_REMOTE, WRITE_REMOTE, *([name] if name else [])], WRITE_REMOTE


def _settings(spec: Remote) -> dict[str, Any]:
    # DVC does not check a configuration given in memory: the names are those of its schema.
    named = {"url": spec.url, "endpointurl": spec.endpoint_url, "region": spec.region}
    return {key: value for key, value in named.items() if value is not None}


def _shown(job: Job) -> str:
    git = job.spec.source.git
    return f"spec.source.git.path ({git.path})" if git and job.local is None else str(job.project)


def commands(stages: list[Stage]) -> list[PipelineStage]:
    """Those of ``stages`` that run a command."""
    return [stage for stage in stages if isinstance(stage, PipelineStage)]
