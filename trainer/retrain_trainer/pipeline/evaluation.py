"""How a metric was measured: by which stages, on which data. Only alike measures are compared.

Where stages lead from the model to the metrics file, they are the evaluation: another model can
be measured by running them with it. Everything else is no evaluation of its own: the stage that
trains writes the metric, or what the evaluation reads (predictions, a test split), or no stage
does, or nothing is known of the data. Such numbers are comparable only where the data that
went into the training are the same.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from dvc.dependency import Dependency, ParamsDependency
from dvc.output import Output
from dvc.stage import PipelineStage

from retrain_trainer.pipeline.code_or_data import code_digest
from retrain_trainer.pipeline.paths import local_path
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project, commands


@dataclass(frozen=True)
class Evaluation:
    """How the metrics of one file were measured. Digests are texts of 32 characters."""

    stages: tuple[str, ...]
    """From the model to the file, in order."""
    why_not: str
    """Why no other model can be measured so; empty: one can."""
    identity: str
    """Of the measure: data, and command, code and parameters of its stages."""
    data: str
    """Of the data that the evaluation reads."""
    features: str
    """Of command, code and parameters of the stages that make those data; empty if none do."""
    feature_stages: tuple[str, ...]


def evaluation_of(project: Project, plan: Plan, model: Output, metrics_file: str) -> Evaluation:
    """The evaluation that wrote ``metrics_file``, as recorded in dvc.lock."""
    return _Pipeline(project, plan, model).evaluation(metrics_file)


class _Pipeline:
    def __init__(self, project: Project, plan: Plan, model: Output) -> None:
        by_address = {stage.addressing: stage for stage in commands(project.stages())}
        self._project = project
        self._model = model
        self._stages = [by_address[name] for name in plan.stages]
        self._tracked = list(project.producers())

    def evaluation(self, metrics_file: str) -> Evaluation:
        path = str((self._project.path / metrics_file).absolute())
        writers = [s for s in self._stages if _touches([path], _written(s))]
        chain = self._below([self._model.fs_path], but=[])
        stages = self._above([path], within=chain)
        inputs = self._inputs(stages)
        data = [dep for dep in inputs if not self._is_code(dep)]
        features = self._above([dep.fs_path for dep in data], within=self._stages)
        why_not = self._why_not(metrics_file, writers, stages, data)
        if why_not:
            return self._of_training(stages, writers, why_not)
        return Evaluation(
            stages=tuple(s.addressing for s in stages),
            why_not="",
            identity=_digest(
                [self._project.relative(self._model.fs_path)],
                self._recipes(stages),
                self._contents(data),
            ),
            data=_digest(self._contents(data)),
            features=_digest(self._recipes(features)) if features else "",
            feature_stages=tuple(s.addressing for s in features),
        )

    def _why_not(
        self,
        metrics_file: str,
        writers: list[PipelineStage],
        stages: list[PipelineStage],
        data: list[Dependency],
    ) -> str:
        trains = self._model.stage.addressing
        if not writers:
            return (
                f"no stage of the pipeline has {metrics_file} among its metrics or outs, so that"
                " nothing is known of how it was measured"
            )
        if not stages:
            by = "" if self._model.stage in writers else f" ({writers[-1].addressing})"
            return (
                f"the metric is measured by the stage that trains{by}: a stage of its own that"
                " reads the model could measure the champion too"
            )
        others = [out.fs_path for out in self._model.stage.outs if out is not self._model]
        with_model = {self._model.fs_path, *(out for s in stages for out in _written(s))}
        products = _touching(others + self._written_below(others, but=stages), data)
        products = [path for path in products if path not in with_model]
        if products:
            names = ", ".join(self._project.relative(path) for path in products)
            return (
                f"the evaluation reads {names}, which stage {trains} writes together with the"
                " model: let a stage before it write that, as a split of the data, or the"
                " evaluation itself, as predictions"
            )
        if not data:
            return (
                f"stage {stages[0].addressing} depends on no data, so that nothing is known of"
                " what it measures on: name them under its deps"
            )
        return ""

    def _of_training(
        self, stages: list[PipelineStage], writers: list[PipelineStage], why_not: str
    ) -> Evaluation:
        """The measure of a training: its data are all that has gone into it."""
        products = self._below([o.fs_path for o in self._model.stage.outs], but=[])
        products = [self._model.stage, *products]
        ends = [*stages, *writers] if stages or writers else self._stages
        reading = [self._model.stage, *ends, *([] if writers else self._stages)]
        made = {path for s in products for path in _written(s)}
        unique = list(dict.fromkeys(reading))
        inputs = [dep for dep in self._inputs(unique) if not _touches([dep.fs_path], made)]
        data = [dep for dep in inputs if not self._is_code(dep)]
        contents = self._contents(data)
        if not contents:
            # The data are in the code, if anywhere.
            contents = self._codes(inputs)
        measuring = [s for s in stages if s is not self._model.stage]
        return Evaluation(
            stages=tuple(s.addressing for s in stages),
            why_not=why_not,
            identity=_digest(
                ["training", self._project.relative(self._model.fs_path)],
                self._recipes(measuring),
                contents,
            ),
            data=_digest(contents),
            features="",
            feature_stages=(),
        )

    def _below(self, paths: Collection[str], but: Collection[PipelineStage]) -> list[PipelineStage]:
        """The stages that read one of ``paths``, or what such a stage writes."""
        reached = list(paths)
        found = []
        for stage in self._stages:
            if stage not in but and _touches(_read(stage), reached):
                found.append(stage)
                reached += _written(stage)
        return found

    def _written_below(self, paths: Collection[str], but: Collection[PipelineStage]) -> list[str]:
        return [path for stage in self._below(paths, but) for path in _written(stage)]

    def _above(
        self, paths: Collection[str], within: Collection[PipelineStage]
    ) -> list[PipelineStage]:
        """The stages of ``within`` that write one of ``paths``, or what such a stage reads."""
        wanted = list(paths)
        found: list[PipelineStage] = []
        for stage in reversed(self._stages):
            if stage in within and _touches(_written(stage), wanted):
                found.insert(0, stage)
                wanted += _read(stage)
        return found

    def _inputs(self, stages: Collection[PipelineStage]) -> list[Dependency]:
        """What ``stages`` read, parameters, the model and their own outputs apart."""
        own = {self._model.fs_path, *(path for stage in stages for path in _written(stage))}
        found: dict[str, Dependency] = {}
        for stage in stages:
            for dep in stage.deps:
                if not isinstance(dep, ParamsDependency) and not _touches([dep.fs_path], own):
                    found.setdefault(dep.fs_path, dep)
        return list(found.values())

    def _is_code(self, dep: Dependency) -> bool:
        return self._code(dep) is not None

    def _code(self, dep: Dependency) -> str | None:
        path = local_path(dep)
        if path is None or _touches([path], self._tracked):
            return None
        return code_digest(Path(path))

    def _recipes(self, stages: Iterable[PipelineStage]) -> list[str]:
        """Command, parameters and code of each stage."""
        found = []
        for stage in stages:
            found.append(repr(stage.cmd))
            params = [dep for dep in stage.deps if isinstance(dep, ParamsDependency)]
            found += [f"{self._project.relative(p.fs_path)} {_recorded(p)}" for p in params]
            found += self._codes(dep for dep in stage.deps if not isinstance(dep, ParamsDependency))
        return found

    def _codes(self, deps: Iterable[Dependency]) -> list[str]:
        found = ((self._project.relative(dep.fs_path), self._code(dep)) for dep in deps)
        return sorted(f"{path} {digest}" for path, digest in found if digest)

    def _contents(self, deps: Iterable[Dependency]) -> list[str]:
        return sorted(f"{self._project.relative(dep.fs_path)} {_recorded(dep)}" for dep in deps)


def _read(stage: PipelineStage) -> list[str]:
    files = (dep for dep in stage.deps if not isinstance(dep, ParamsDependency))
    return [path for dep in files if (path := local_path(dep)) is not None]


def _written(stage: PipelineStage) -> list[str]:
    return [out.fs_path for out in stage.outs]


def _touches(paths: Iterable[str], others: Collection[str]) -> bool:
    return any(_related(path, other) for path in paths for other in others)


def _touching(paths: Iterable[str], deps: Iterable[Dependency]) -> list[str]:
    reads = [dep.fs_path for dep in deps]
    return [read for read in reads if _touches([read], list(paths))]


def _related(path: str, other: str) -> bool:
    """Whether one is, or lies in, the other."""
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")


def _recorded(dep: Dependency) -> object:
    """The hash in dvc.lock; a stage that did not run has its dependencies nowhere else."""
    info = dep.hash_info or dep.get_hash()
    return info.value if info else None


def _digest(*parts: Iterable[str]) -> str:
    text = "\n\n".join("\n".join(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
