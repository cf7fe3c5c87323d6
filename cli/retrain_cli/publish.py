"""What `retrain run --publish` asks of a work tree: that others can train its commit again."""

import json
from hashlib import sha256

from retrain_cli.home import Home
from retrain_cli.work_copy.git import on_a_remote_branch
from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.execution import Execution
from retrain_trainer.pipeline.project import enter_project
from retrain_trainer.report import Reporter
from retrain_trainer.uncommitted import Uncommitted
from retrain_trainer.work_tree import take_work_tree


def refuse_uncommitted(execution: Execution, home: Home, report: Reporter) -> None:
    """Let only a commit pass; one that nobody else has yet is warned of.

    Raises:
        RunFailed: InvalidSpec where the work tree has more than its commit.
    """
    found, _ = take_work_tree(execution, enter_project(execution), report)
    if found:
        what = f"uncommitted changes: {found.named()}" if found.repository else "no commit"
        raise RunFailed(
            Reason.INVALID_SPEC,
            f"--publish needs a commit that others can train again, but {home.source} has"
            f" {what}{_advice(found, home)}",
            "Commit them, or put them away with `git stash`."
            if found.repository
            else "Commit the project to a git repository.",
        )
    if not on_a_remote_branch(home.source):
        report.warn(
            f"commit {str(execution.commit)[:12]} is on no remote branch: others cannot train it"
            " again before you `git push`"
        )


def _advice(found: Uncommitted, home: Home) -> str:
    advice = ""
    if found.data:
        advice += f"; `dvc add {' '.join(found.data)}` and commit the .dvc files"
    pulled = json.loads(home.pulled.read_text()) if home.pulled.is_file() else {}
    brought = [
        path
        for path in (*found.changed, *found.untracked)
        if (home.source / path).is_file()
        and pulled.get(path) == sha256((home.source / path).read_bytes()).hexdigest()
    ]
    if brought:
        files = " ".join(brought)
        advice += f"; `retrain pull` has brought {files}: `git add {files}` and commit them"
    return advice
