"""The data that a pipeline reads but does not make."""

from dataclasses import dataclass

from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project


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
