"""Which output is the model, and what its evaluation reads."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dvc.dependency import Dependency, ParamsDependency
from dvc.output import Output
from dvc.stage import PipelineStage

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Model
from retrain_trainer.pipeline.project import Project, commands
from retrain_trainer.pipeline.stages import Plan

CODE_SUFFIXES = frozenset({".py", ".ipynb", ".r", ".jl", ".sh", ".sql", ".yaml", ".yml", ".toml"})


def model_output(project: Project, plan: Plan, model: Model) -> Output:
    """The output that is registered as the model.

    The one named in the spec; else the only artifact of type model in dvc.yaml; else the only
    output, metrics and plots apart, of the last stage that has one.

    Raises:
        RunFailed: InvalidSpec where the named one does not exist, ModelAmbiguous.
    """
    outputs = {project.relative(path): out for path, out in project.producers().items()}
    artifacts = _artifacts(project)
    if model.artifact is not None:
        path = artifacts.get(model.artifact, (model.artifact, ""))[0]
        if path not in outputs:
            known = ", ".join(sorted({*artifacts, *outputs}))
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"spec.model.artifact: {model.artifact} is neither an output nor an artifact of"
                f" dvc.yaml; known: {known}",
            )
        return outputs[path]
    declared = [path for path, kind in artifacts.values() if kind == "model" and path in outputs]
    if len(declared) == 1:
        return outputs[declared[0]]
    candidates = declared or _last_outputs(project, plan)
    if len(candidates) == 1:
        return outputs[candidates[0]]
    raise RunFailed(
        Reason.MODEL_AMBIGUOUS,
        f"which output is the model? candidates: {', '.join(candidates) or 'none'}",
    )


def evaluation_stages(project: Project, plan: Plan, model: Output, metrics_file: str) -> list[str]:
    """The stages that lead from the model to ``metrics_file``, in order; empty if none do."""
    reached = {model.fs_path}
    chain = []
    for stage in _planned(project, plan):
        if any(dep.fs_path in reached for dep in stage.deps):
            chain.append(stage)
            reached.update(out.fs_path for out in stage.outs)
    wanted = {str((project.path / metrics_file).absolute())}
    needed: list[str] = []
    for stage in reversed(chain):
        if any(_within(path, out.fs_path) for out in stage.outs for path in wanted):
            needed.insert(0, stage.addressing)
            wanted.update(dep.fs_path for dep in stage.deps if dep.fs_path)
    return needed


def evaluation_data(project: Project, plan: Plan, model: Output, metrics_file: str) -> str:
    """Digest of the data that ``metrics_file`` was measured on.

    These are the dependencies of the stages that lead from the model to the file, without the
    model, parameters and code; where a single stage both trains and measures, its own.
    """
    names = evaluation_stages(project, plan, model, metrics_file)
    stages = [stage for stage in _planned(project, plan) if stage.addressing in names]
    if not stages:
        path = str((project.path / metrics_file).absolute())
        stages = [
            stage
            for stage in _planned(project, plan)
            if any(_within(path, out.fs_path) for out in stage.outs)
        ]
    made = {out.fs_path for stage in stages for out in stage.outs}
    made |= {out.fs_path for out in model.stage.outs}
    produced = project.producers()
    entries = set()
    for stage in stages:
        for dep in stage.deps:
            if not dep.fs_path:
                # A dataset of dvc.yaml, pinned in dvc.lock.
                entries.add((str(dep), str(_recorded(dep))))
                continue
            is_code = (
                dep.fs_path not in produced and Path(dep.fs_path).suffix.lower() in CODE_SUFFIXES
            )
            if isinstance(dep, ParamsDependency) or dep.fs_path in made or is_code:
                continue
            entries.add((project.relative(dep.fs_path), str(_recorded(dep))))
    text = "\n".join(f"{path} {value}" for path, value in sorted(entries))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Dataset:
    """A data file that the pipeline reads but does not make."""

    name: str
    digest: str
    source: str
    """Where it comes from: an import's upstream, else the path."""


def datasets(project: Project, plan: Plan) -> list[Dataset]:
    """The data sources of the plan, by their recorded hashes."""
    found = []
    for stage in project.stages():
        if stage.addressing not in plan.sources:
            continue
        # What a database was asked has no path.
        dep = stage.deps[0] if stage.is_import else None
        source = (dep.def_path or str(dep)) if dep else stage.addressing
        for out in stage.outs:
            if out.hash_info:
                name = project.relative(out.fs_path)
                found.append(Dataset(name, str(out.hash_info.value), str(source)))
    return found


def _artifacts(project: Project) -> dict[str, tuple[str, str]]:
    """Name -> (path, type) of the artifacts that the project's dvc.yaml declares."""
    found = {}
    for file, artifacts in project.repo.artifacts.read().items():
        if Path(project.repo.root_dir, file).parent.resolve() != project.path.resolve():
            continue
        for name, artifact in artifacts.items():
            found[name] = (str(Path(artifact.path)), str(artifact.type or ""))
    return found


def _last_outputs(project: Project, plan: Plan) -> list[str]:
    for stage in reversed(_planned(project, plan)):
        outs = [out for out in stage.outs if not out.is_metric and not out.is_plot]
        if outs:
            return [project.relative(out.fs_path) for out in outs]
    return []


def _planned(project: Project, plan: Plan) -> list[PipelineStage]:
    by_address = {stage.addressing: stage for stage in commands(project.stages())}
    return [by_address[name] for name in plan.stages]


def _recorded(dep: Dependency) -> str | None:
    """The hash in dvc.lock; a stage that did not run has its dependencies nowhere else."""
    info = dep.hash_info or dep.get_hash()
    return info.value if info else None


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
