"""The init step: commit and checkout. Runs no code of the repository."""

import shutil
from pathlib import Path

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo
from retrain_trainer.execution import Execution
from retrain_trainer.git_access import GitSecret
from retrain_trainer.git_clone import clone_commit
from retrain_trainer.report import Reporter
from retrain_trainer.tracking.run import TrackedRun


def prepare_source(
    execution: Execution,
    run: TrackedRun,
    repository: Path,
    secret: GitSecret | None,
    report: Reporter,
) -> str | None:
    """Put the commit of ``execution`` into the folder ``repository``.

    A commit that an earlier attempt has recorded is fetched again: one run trains one commit,
    wherever its branch is by now.

    Returns the commit, or None where the image holds the repository without its git history.

    Raises:
        RunFailed: the source or the tracking server.
    """
    git = execution.spec.source.git
    if git is None:
        _copy_from_image(execution, repository)
        return None
    what = run.commit or git.revision
    report.step(f"fetch {what} of {git.url}")

    def clone() -> str:
        shutil.rmtree(repository, ignore_errors=True)
        return clone_commit(git, repository, secret, run.commit, report.warn)

    if run.commit is not None:
        execution.patience.answered.add(without_userinfo(git.url))
    commit = execution.patience.through(clone)
    if run.commit is None:
        run.record_commit(commit)
    report.note(f"commit {commit}")
    return commit


def _copy_from_image(execution: Execution, repository: Path) -> None:
    image = execution.spec.source.image
    assert image is not None
    folder = Path(image.path)
    if not folder.is_dir():
        raise RunFailed(
            Reason.SOURCE_NOT_FOUND, f"spec.source.image.path: the image has no folder {folder}"
        )
    shutil.rmtree(repository, ignore_errors=True)
    shutil.copytree(folder, repository, symlinks=True)
