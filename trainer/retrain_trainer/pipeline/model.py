"""Which output is the model, and which data the pipeline reads."""

from dataclasses import dataclass
from pathlib import Path

from dvc.output import Output
from dvc.stage import PipelineStage

from retrain_core.outcome import Reason, RunFailed
from retrain_core.spec import Model
from retrain_trainer.pipeline.project import Project, commands
from retrain_trainer.pipeline.stages import Plan


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
        source = stage.deps[0].def_path if stage.is_import else stage.addressing
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
