"""Which stores a run reads from and writes to: DVC remotes, in a configuration given in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Remote
from retrain_trainer.execution import Execution
from retrain_trainer.pipeline.file_system import is_versioned, missing_package
from retrain_trainer.pipeline.original import original_settings

LOCAL_STORE = "retrain-local"
"""The directory below .retrain that a laptop's runs write to."""
CACHE = "retrain-cache"
"""A DVC cache has the layout of a remote."""
STORE = "retrain-store"
"""spec.dvc.remote, where no remote of the repository is that."""


@dataclass(frozen=True)
class Stores:
    """Names of DVC remotes, by what they are to a run."""

    config: dict[str, Any]
    """The configuration that the names are meant in."""
    near: tuple[str, ...]
    """Directories of this machine that are read first."""
    far: tuple[str, ...]
    """The manifest's store, then the repository's default remote."""
    writer: str | None
    """Where outputs go that name no remote of their own; None where they stay in the cache."""

    @property
    def local(self) -> bool:
        """Whether outputs stay on this machine, whatever remote they name."""
        return self.writer == LOCAL_STORE

    @property
    def publishes(self) -> bool:
        """Whether outputs go from this machine to stores that others read."""
        return bool(self.near) and self.writer is not None and not self.local


def find_stores(execution: Execution, repository: Mapping[str, Any], *, own_cache: bool) -> Stores:
    """The stores of ``execution``; ``repository`` is the project's DVC configuration.

    With ``own_cache`` contents go to the project's cache, and the run's cache is only read.

    Raises:
        RunFailed: InvalidSpec or InvalidPipeline for a remote that is named but not there.
    """
    remotes: dict[str, dict[str, Any]] = {}
    urls = {name: str(remote["url"]) for name, remote in repository["remote"].items()}
    near: list[str] = []
    if execution.local is not None:
        original = original_settings(execution.local.original)
        urls = original.remotes
        remotes = {name: {"url": url} for name, url in urls.items()}
        near = [CACHE, LOCAL_STORE]
        remotes[CACHE] = {"url": str(execution.cache) if own_cache else original.cache}
        remotes[LOCAL_STORE] = {"url": str(execution.local.write)}
    default = repository["core"].get("remote") or None
    if default and default not in urls:
        raise RunFailed(
            Reason.INVALID_PIPELINE,
            f".dvc/config: the default remote is {default}, but there is no such remote",
        )
    name, settings = _store(execution.spec.dvc.remote, urls, default)
    if settings and name:
        remotes[name] = remotes.get(name, {}) | settings
    writer = name if execution.spec.dvc.push else None
    if execution.local is not None and not execution.local.publish:
        writer = LOCAL_STORE
    far = dict.fromkeys(one for one in (name, default) if one)
    merged = {one: repository["remote"].get(one, {}) | remotes.get(one, {}) for one in far}
    known = {"remote": merged}
    if name and (is_versioned(known, name) or missing_package(known, name)):
        # DVC itself could neither read from it nor say why it cannot.
        core = {"remote": ""}
    else:
        core = {"remote": name} if name else {}
    return Stores({"core": core, "remote": remotes}, tuple(near), tuple(far), writer)


def _store(
    spec: Remote, urls: Mapping[str, str], default: str | None
) -> tuple[str | None, dict[str, Any]]:
    """The name of the store that the manifest means, and what the manifest says of it."""
    # DVC does not check a configuration given in memory: the names are those of its schema.
    named = {"url": spec.url, "endpointurl": spec.endpoint_url, "region": spec.region}
    settings = {key: value for key, value in named.items() if value is not None}
    if spec.url:
        same = [name for name, url in urls.items() if url.rstrip("/") == spec.url.rstrip("/")]
        return (default if default in same else same[0] if same else STORE), settings
    if settings and not default:
        raise RunFailed(
            Reason.INVALID_SPEC,
            "spec.dvc.remote has no url, and the repository has no default remote to complete",
        )
    return default, settings
