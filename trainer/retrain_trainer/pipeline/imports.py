""".dvc imports: refreshed when the spec says so, pinned when their file holds no hash."""

from collections.abc import Collection
from functools import partial

from dvc.stage import Stage
from dvc.stage.exceptions import StageFileDoesNotExistError

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.pipeline.errors import store_failure
from retrain_trainer.pipeline.file_system import package_of
from retrain_trainer.pipeline.plan import Plan
from retrain_trainer.pipeline.project import Project
from retrain_trainer.refusal import causes


def update_imports(project: Project, targets: Collection[str], plan: Plan) -> list[str]:
    """Update the imports in ``targets`` and pin those of ``plan`` that hold no hash yet.

    A target is a .dvc file, or what that brings.

    `dvc import-url --no-download` records no output hash: such a file means whatever is upstream
    when it is read, so it is read once, here, and stored like any other data.

    Returns the addressings of the updated .dvc files.

    Raises:
        RunFailed: a target is no import, or its upstream cannot be read.
    """
    by_address = {stage.addressing: stage for stage in project.stages() if stage.is_data_source}
    named = {target: target if target in by_address else f"{target}.dvc" for target in targets}
    for target, address in named.items():
        stage = by_address.get(address)
        if stage is None or not stage.is_import:
            imports = ", ".join(name for name, other in by_address.items() if other.is_import)
            raise RunFailed(
                Reason.INVALID_SPEC,
                f"spec.dvc.update: {target} is no .dvc import; known: {imports or 'none'}",
            )
    unpinned = [name for name in plan.sources if by_address[name].is_partial_import]
    wanted = sorted({*named.values(), *unpinned})
    for name in wanted:
        project.patience.through(partial(_update, project, by_address[name]))
    return wanted


def why_nothing_is_new(project: Project, plan: Plan, refreshed: Collection[str]) -> str:
    """What to say of the data where no stage had to run; ``refreshed``: what was updated."""
    imports = [
        stage.addressing
        for stage in project.stages()
        if stage.addressing in plan.sources and stage.is_import
    ]
    if not imports:
        return "the data are those of the commit"
    if set(imports) & set(refreshed):
        return "the imports bring nothing new"
    return f"the data are pinned: dvc.update names no import ({', '.join(imports)})"


def _update(project: Project, stage: Stage) -> None:
    try:
        project.repo.update([stage.addressing])
    except StageFileDoesNotExistError as error:
        raise RunFailed(Reason.INVALID_SPEC, f"spec.dvc.update: {error}") from error
    except Exception as error:
        # A database's driver raises what it likes.
        raise _failure(stage, error) from error


def _failure(stage: Stage, error: Exception) -> RunFailed:
    upstream = without_userinfo(str(stage.deps[0]))
    lacking = [cause for cause in causes(error) if isinstance(cause, ImportError)]
    if lacking:
        message = f"it needs the Python package {package_of(lacking[-1])}, which is not installed"
        return RunFailed(Reason.DATA_MISSING, f"{stage.addressing}: {message} beside Retrain")
    if known := store_failure(error, upstream):
        return known
    message = " ".join(str(list(causes(error))[-1]).split())[:300] or repr(error)
    return RunFailed(
        Reason.DATA_MISSING,
        f"{stage.addressing}: its upstream {upstream} cannot be read: {message}",
    )
