"""Where an output is read from and written to: the decision, without asking anybody."""

from dvc.output import Output

from retrain_trainer.pipeline.project import Project


def read_from(project: Project, out: Output) -> list[str]:
    """The remotes that may have ``out``, in the order to ask them in."""
    if not out.is_in_repo:
        return []
    near, far = project.stores.near, project.stores.far
    if out.stage.is_repo_import:
        # The repository that it comes from has it; no remote of ours does.
        return list(near)
    named = [out.remote.lower()] if out.remote else []
    return list(dict.fromkeys([*near, *named, *far]))


def write_to(project: Project, out: Output) -> str | None:
    """The remote that ``out`` goes to; None where it is kept nowhere but in a cache.

    What says `push: false` goes nowhere, and what names a remote goes there alone, as with
    `dvc push`; on a laptop everything stays below .retrain.
    """
    leaves = out.can_push and out.is_in_repo and not out.stage.is_repo_import
    if project.writer is None or not leaves:
        return None
    if out.remote and not project.stores.local:
        return str(out.remote.lower())
    return project.writer
