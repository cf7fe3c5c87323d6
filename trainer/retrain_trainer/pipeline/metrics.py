"""Metrics as DVC declares them: numbers in files, named by their dotted path."""

import json
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.pipeline import transfer
from retrain_trainer.pipeline.loose import loose_metrics, top_level_metrics
from retrain_trainer.pipeline.params import flattened
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project


@dataclass(frozen=True)
class Metrics:
    """Every number in the metrics files of a project."""

    values: Mapping[tuple[str, str], float]
    """(file, dotted path) -> value."""
    unknown: Sequence[str] = ()
    """Metrics files that dvc.yaml names, but no stage of this run is known to have written."""

    def named(self) -> dict[str, float]:
        """By dotted path; with the file in front where two files have the same path."""
        count = Counter(path for _, path in self.values)
        return {
            path if count[path] == 1 else f"{file}:{path}": value
            for (file, path), value in self.values.items()
        }

    def find(self, name: str) -> tuple[str, float] | None:
        """The file and value of a metric by its name, or by ``file:name``."""
        for (file, path), value in self.values.items():
            if name == f"{file}:{path}":
                return file, value
        matches = self._called(name)
        # DVCLive and a stage's own file often have the same number twice.
        return matches[0] if len({value for _, value in matches}) == 1 else None

    def require(self, name: str) -> tuple[str, float]:
        """As :meth:`find`, for the metric that promotion compares.

        Raises:
            RunFailed: MetricNotFound or MetricNotFinite.
        """
        found = self.find(name)
        if found is None:
            if several := self._called(name):
                choices = ", ".join(f"{file}:{name} ({value:.6g})" for file, value in several)
                raise RunFailed(
                    Reason.METRIC_NOT_FOUND, f"several files have a metric {name}: {choices}"
                )
            known = ", ".join(sorted(self.named()))
            raise RunFailed(
                Reason.METRIC_NOT_FOUND,
                f"the pipeline writes no metric {name}; it has: {known or 'no metrics at all'}"
                f"{self._hint()}",
                None if known else "Name the file with the numbers under `metrics` of its stage.",
            )
        if not math.isfinite(found[1]):
            raise RunFailed(Reason.METRIC_NOT_FINITE, f"metric {name} is {found[1]}")
        return found

    def _called(self, name: str) -> list[tuple[str, float]]:
        return [(file, value) for (file, path), value in self.values.items() if path == name]

    def _hint(self) -> str:
        if not self.unknown:
            return ""
        return (
            f". {', '.join(self.unknown)} counts only when a stage of this run writes it: list it"
            " under the stage's metrics, or name the stage in spec.dvc.force"
        )


def read_metrics(project: Project, plan: Plan, written: Collection[str]) -> Metrics:
    """Read the metrics files of the plan's stages, bringing those that did not run onto the disk.

    ``written``: paths, from the folder that holds .dvc, of metrics files that these stages have
    written though they are no outputs. A neighbour's metrics, and a file that lies there from
    somewhere else, are not this run's.

    Raises:
        RunFailed: a metrics file is not there or cannot be read.
    """
    root = Path(project.repo.root_dir)
    loose = [root / name for name in sorted(written)]
    values: dict[tuple[str, str], float] = {}
    for path in dict.fromkeys([*_within_outputs(project, plan), *loose]):
        name = project.relative(str(path))
        try:
            values.update(load_numbers(name, path).values)
        except Exception as error:
            raise RunFailed(
                Reason.METRIC_NOT_FOUND,
                f"metrics file {name}: {_said(error)}",
                "Let a stage write it, or take it out of the metrics in dvc.yaml.",
            ) from error
    unwritten = [project.relative(str(path)) for path in loose_metrics(project)]
    known = {project.relative(str(path)) for path in loose}
    return Metrics(values, [name for name in unwritten if name not in known])


def _within_outputs(project: Project, plan: Plan) -> list[Path]:
    """Metrics files that are outputs of the plan's stages, or lie in one; on the disk then."""
    named = top_level_metrics(project)
    found: dict[Path, None] = {}
    holding = []
    for out in plan.outs(project):
        place = Path(out.fs_path)
        inside = [path for path in named if path == place or path.is_relative_to(place)]
        if out.is_metric or inside:
            holding.append(out)
            found |= dict.fromkeys([place] if out.is_metric else inside)
    transfer.place(project, [out for out in holding if out.hash_info])
    return list(found)


def numbers(file: str, content: Any) -> dict[tuple[str, str], float]:
    """The numbers in a parsed metrics file; truth values and texts are no metrics."""
    if _is_number(content):
        return {(file, Path(file).stem): _float(content)}
    return {(file, path): _float(value) for path, value in flattened(content) if _is_number(value)}


def load_numbers(file: str, path: Path) -> Metrics:
    """The numbers of one metrics file or folder at ``path``, which stands for ``file``."""
    from dvc.utils.serialize import LOADERS

    if path.is_dir():
        found: dict[tuple[str, str], float] = {}
        for inner in sorted(path.rglob("*")):
            if inner.is_file():
                name = f"{file}/{inner.relative_to(path)}"
                found.update(load_numbers(name, inner).values)
        return Metrics(found)
    return Metrics(numbers(file, LOADERS[path.suffix](str(path))))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _said(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "is not there"
    return " ".join(str(error).split())[:300] or type(error).__name__


def as_json(values: Mapping[str, float]) -> str:
    """Metrics as JSON, NaN included, for a tag."""
    return json.dumps(dict(values), sort_keys=True)
