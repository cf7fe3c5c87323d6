"""Metrics, plots and parameters that dvc.yaml names though no stage has them as outputs or
parameters, as DVCLive writes them.

DVC neither removes nor restores such a file. It says something of this run only if a stage of this
run wrote it; what a stage wrote is kept with the stage's result and restored with it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dvc.output import Output
from dvc.repo.metrics.show import _collect_top_level_metrics
from dvc.repo.params.show import _collect_top_level_params
from dvc.stage import PipelineStage
from dvc_data.hashfile.hash_info import HashInfo

from retrain_trainer.pipeline.project import Project


@dataclass(frozen=True)
class LooseFiles:
    """The files, each with what tells one state of it from another."""

    seen: Mapping[Path, tuple[int, int, int]]

    @classmethod
    def of(cls, project: Project) -> "LooseFiles":
        """Look at them as they are now."""
        return cls({path: _print(path) for path in _loose_paths(project) if path.is_file()})

    def written_since(self, project: Project) -> list[Path]:
        """Those that have been written since."""
        return [path for path, now in self.of(project).seen.items() if self.seen.get(path) != now]


def top_level_metrics(project: Project) -> list[Path]:
    """The files that `metrics:` at the top of a dvc.yaml names, whether they are there or not."""
    root = project.repo.root_dir
    return [Path(root, name) for name in _collect_top_level_metrics(project.repo)]


def loose_metrics(project: Project) -> list[Path]:
    """Those of them that are no outputs."""
    produced = list(project.producers())
    return [path for path in top_level_metrics(project) if not _is_output(path, produced)]


def as_outputs(stage: PipelineStage, root: Path, md5s: Mapping[str, str]) -> list[Output]:
    """Files below ``root`` as uncached outputs of ``stage`` with the contents ``md5s``."""
    outs = []
    for name, md5 in md5s.items():
        out = Output(stage, str(root / name), cache=False)
        out.hash_info = HashInfo("md5", md5)
        outs.append(out)
    return outs


def hashed(stage: PipelineStage, root: Path, paths: list[Path]) -> dict[str, str]:
    """MD5 of each of ``paths`` by its path from ``root``."""
    return {
        str(path.relative_to(root)): str(Output(stage, str(path), cache=False).get_hash().value)
        for path in paths
    }


def _loose_paths(project: Project) -> Iterator[Path]:
    yield from loose_metrics(project)
    produced = list(project.producers())
    for file in _plot_sources(project):
        path = Path(project.repo.root_dir, file)
        inner = [item for item in path.rglob("*") if item.is_file()] if path.is_dir() else [path]
        yield from (item for item in inner if not _is_output(item, produced))
    # What a stage reads is the run's own: `--set` has written it.
    read = {dep.fs_path for stage in project.repo.index.stages for dep in stage.deps}
    for file in _collect_top_level_params(project.repo):
        path = Path(project.repo.root_dir, file)
        if str(path) not in read and not _is_output(path, produced):
            yield path


def _plot_sources(project: Project) -> Iterator[str]:
    """Paths, from the root, that the definitions of plots in every dvc.yaml name."""
    for dvcfile, definitions in project.repo.index._plots.items():
        folder = Path(project.relative_to_root(str(Path(dvcfile).parent)))
        for definition in definitions:
            items = {definition: None} if isinstance(definition, str) else dict(definition)
            for name, properties in items.items():
                y = (properties or {}).get("y")
                yield from (str(folder / file) for file in (y if isinstance(y, dict) else {name}))


def _print(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _is_output(path: Path, produced: list[str]) -> bool:
    return any(str(path) == out or str(path).startswith(f"{out}/") for out in produced)
