"""What a copy of a project needs of the original: relative remotes, its cache, files outside."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dvc.config import Config
from dvc.stage import Stage

from retrain_trainer.pipeline.paths import local_path


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
    top = next((folder for folder in (copy, *copy.parents) if (folder / ".git").exists()), copy)
    for stage in stages:
        for dep in stage.deps:
            path = local_path(dep)
            if path is None or Path(path).is_relative_to(top):
                continue
            link = Path(path)
            real = Path(os.path.normpath(original / os.path.relpath(link, copy)))
            if real != link and real.exists() and not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(real)
