"""What is said where data are nowhere: what, where it was looked for, and what brings it there."""

from collections.abc import Collection, Mapping
from pathlib import Path

from dvc.output import Output

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.patience import Away
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.stores import STORE


def missing(
    project: Project,
    outs: Collection[Output],
    routes: Mapping[Output, Collection[str]],
    troubles: Mapping[str, RunFailed],
) -> RunFailed:
    """The failure for ``outs``, which no remote of their ``routes`` gave; ``troubles`` by remote.

    A store that does not answer is the reason, as it may have them; else it is DataMissing.
    """
    names = ", ".join(sorted(project.relative(out.fs_path) for out in outs))
    asked = list(dict.fromkeys(name for out in outs for name in routes[out]))
    asked = [name for name in asked if name not in project.stores.near]
    text = [_answer(project, name) for name in asked if name not in troubles]
    text += [failure.message for failure in troubles.values()]
    where = "; ".join(text) or "no DVC remote is configured"
    decisive = _decisive(list(troubles.values()))
    message = f"missing data: {names} ({where})"
    if decisive is not None:
        failure = decisive.retold(message)
        if isinstance(failure, Away):
            # It may have been waited for when it could be done without.
            failure.given_up = False
        return failure
    if command := _command(project, outs, asked):
        message += f". Where the data are, run `{command}`"
    upstream = sorted(out.stage.addressing for out in outs if out.stage.is_import)
    if upstream:
        message += f". To import anew: spec.dvc.update: [{', '.join(upstream)}]"
    return RunFailed(Reason.DATA_MISSING, message)


def _decisive(troubles: list[RunFailed]) -> RunFailed | None:
    """That of a store that may have them later, else of one that may have them."""
    stores = [
        failure
        for failure in troubles
        if isinstance(failure, Away) or failure.reason.startswith("Store")
    ]
    return min(
        stores,
        key=lambda failure: (not isinstance(failure, Away), not failure.outcome.passes),
        default=None,
    )


def _answer(project: Project, name: str) -> str:
    url = project.url(name)
    if _is_path(url) and not Path(url).is_dir():
        return f"there is no directory {url} here"
    return f"not at {url}"


def _command(project: Project, outs: Collection[Output], asked: list[str]) -> str | None:
    """The command that pushes ``outs`` to a remote that is read from."""
    if all(out.stage.is_repo_import or not out.can_push for out in outs):
        return None
    in_reach = [
        name
        for name in asked
        if not _is_path(url := project.url(name)) or Path(url).is_dir() or name == STORE
    ]
    # One that the repository has is known by its name; the manifest's is to be made known.
    name = next((name for name in in_reach if name != STORE), None)
    if name is not None:
        return f"dvc push -r {name}"
    if STORE in in_reach:
        return f"dvc remote add {STORE} {project.url(STORE)} && dvc push -r {STORE}"
    return None


def _is_path(url: str) -> bool:
    return "://" not in url
