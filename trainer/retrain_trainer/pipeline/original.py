"""What a copy of a project needs of the original: relative remotes, its cache, files outside."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from dvc.config import Config
from dvc.dependency import Dependency
from dvc.stage import Stage

from retrain_core.outcome import Reason, RunFailed


@dataclass(frozen=True)
class OriginalSettings:
    remotes: dict[str, str]
    """Name -> URL, with relative ones resolved."""
    cache: str


def original_settings(root: Path) -> OriginalSettings:
    """Read the configuration of the DVC project at ``root``, config.local included."""
    config = Config(str(root / ".dvc"), local_dvc_dir=str(root / ".dvc"))
    remotes = {name: str(remote["url"]) for name, remote in config["remote"].items()}
    cache = config["cache"].get("dir") or str(root / ".dvc" / "cache")
    return OriginalSettings(remotes, str(cache))


def link_outside(stages: Iterable[Stage], copy: Path, original: Path) -> None:
    """Let relative dependencies that lead out of ``copy`` mean what they mean in ``original``."""
    for stage in stages:
        for dep in stage.deps:
            path = local_path(dep)
            if path is None or Path(path).is_relative_to(copy):
                continue
            link = Path(path)
            real = Path(os.path.normpath(original / os.path.relpath(link, copy)))
            if real != link and real.exists() and not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(real)


def local_path(dep: Dependency) -> str | None:
    """The absolute path of ``dep``; None where it is no file of this machine: a query, a dataset
    of dvc.yaml, something at a URL."""
    # A query and a dataset have no file system.
    return str(dep.fs_path) if dep.fs is not None and dep.protocol == "local" else None


def replace_input(project: Path, target: str, source: Path) -> None:
    """Put the file ``source`` in the place of the input ``target``, in a copy of a project.

    The .dvc file that would produce it is left out: the input is a plain file then.

    Raises:
        RunFailed: InvalidSpec where the folder of ``target`` is not in the project.
    """
    path = project / target
    for file in project.rglob("*.dvc"):
        if not file.is_file():
            continue
        outs = (yaml.safe_load(file.read_text()) or {}).get("outs", [])
        folder = file.parent / (yaml.safe_load(file.read_text()).get("wdir") or ".")
        if any((folder / out["path"]).resolve() == path.resolve() for out in outs):
            file.unlink()
    if not path.parent.resolve().is_relative_to(project.resolve()):
        raise RunFailed(
            Reason.INVALID_SPEC, f"spec.smoke.inputs.{target}: a link leads out of the repository"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # A link would lead to a file that is not ours.
    path.unlink(missing_ok=True)
    shutil.copyfile(source, path)
