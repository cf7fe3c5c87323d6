"""One MLflow run for one execution, however many attempts it takes."""

import re
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from retrain_core.outcome import Reason
from retrain_core.redact import without_userinfo
from retrain_core.result import MAX_LINE, MLflowRun
from retrain_trainer.execution import Execution
from retrain_trainer.tags import number_in
from retrain_trainer.tracking.client import tracking_errors, values_of
from retrain_trainer.tracking.experiments import experiment_of
from retrain_trainer.tracking.fence import TOKEN, fenced, require_current
from retrain_trainer.tracking.variables import ATTEMPT, PREFIX, Parent

JOB_UID = f"{PREFIX}/job-uid"
RUN_NAME = f"{PREFIX}/run"
COMMIT = f"{PREFIX}/commit"
DIRTY = f"{PREFIX}/dirty"
UNCOMMITTED = f"{PREFIX}/uncommitted"
REASON = f"{PREFIX}/reason"
_SHA = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True)
class TrackedRun:
    """The MLflow run of an execution."""

    client: MlflowClient
    tracking_uri: str
    name: str
    experiment: str
    experiment_id: str
    run_id: str
    tags: Mapping[str, str]
    """As they were when the run was found or opened."""
    resumed: bool
    """Whether an earlier attempt opened it."""

    @property
    def commit(self) -> str | None:
        """The commit that an earlier attempt has recorded."""
        recorded = self.tags.get(COMMIT, "")
        return recorded if _SHA.fullmatch(recorded) else None

    @property
    def attempt(self) -> int:
        """Which attempt at the stages this one is, from 1."""
        return (number_in(self.tags.get(ATTEMPT, "")) or 0) + 1

    def parent(self, commit: str | None) -> Parent:
        """As the stages are told of it."""
        return Parent(self.run_id, self.experiment, self.name, self.attempt, commit)

    def report(self) -> MLflowRun:
        """As it stands in results."""
        url = None
        if self.tracking_uri.startswith("http"):
            base = without_userinfo(self.tracking_uri).rstrip("/")
            url = f"{base}/#/experiments/{self.experiment_id}/runs/{self.run_id}"
            url = url if len(url) <= MAX_LINE else None
        return MLflowRun(experiment_id=self.experiment_id, run_id=self.run_id, url=url)

    def tag(self, key: str, value: str) -> None:
        with tracking_errors(self.tracking_uri):
            self.client.set_tag(self.run_id, key, value)

    def record_commit(self, commit: str) -> None:
        """Pin the commit: every later attempt trains it."""
        self.tag(COMMIT, commit)
        self.tag("mlflow.source.git.commit", commit)

    def mark_uncommitted(self, what: str) -> None:
        """Say that the commit alone does not tell what is trained."""
        self.tag(DIRTY, "true")
        self.tag(UNCOMMITTED, what)

    def begin(self) -> None:
        """An attempt at the stages begins."""
        with tracking_errors(self.tracking_uri):
            self.client.set_tag(self.run_id, ATTEMPT, str(self.attempt))
            self.client.update_run(self.run_id, status="RUNNING", name=self.name)

    def end(self, status: str, reason: Reason) -> None:
        """End the run: FINISHED, FAILED or KILLED."""
        with tracking_errors(self.tracking_uri):
            self.client.set_tag(self.run_id, REASON, str(reason))
            self.client.update_run(self.run_id, name=self.name)
            self.client.set_terminated(self.run_id, status)

    def require_current(self) -> None:
        """See that no other attempt at the run has begun since.

        Raises:
            RunFailed: Superseded.
        """
        require_current(self.client)


def read_artifact(client: MlflowClient, tracking_uri: str, run_id: str, path: str) -> str | None:
    """The text of an artifact, or None if the run has none at ``path``."""
    with tracking_errors(tracking_uri):
        folder = path.rsplit("/", 1)[0]
        if not any(item.path == path for item in client.list_artifacts(run_id, folder)):
            return None
        with tempfile.TemporaryDirectory() as target:
            return Path(client.download_artifacts(run_id, path, target)).read_text()


@dataclass(frozen=True)
class Attempt:
    """What the `source` of a pod hands to its `train`, which takes none of it from MLflow."""

    run_id: str
    token: str
    commit: str | None
    waits: Sequence[str] = ()
    """What was waited for, in words."""


def take_over(run: TrackedRun) -> tuple[TrackedRun, str]:
    """Begin an attempt at ``run``: from now on no other pod writes to it.

    Returns the run to write to, and the token of the attempt.
    """
    token = uuid.uuid4().hex
    run.tag(TOKEN, token)
    return replace(run, client=fenced(run.client, run.tracking_uri, run.run_id, token)), token


def continue_attempt(client: MlflowClient, execution: Execution, attempt: Attempt) -> TrackedRun:
    """The run of an attempt that this pod has begun.

    Raises:
        RunFailed: the server refuses, or has the run no more.
    """
    with tracking_errors(execution.tracking_uri):
        run = client.get_run(attempt.run_id)
    tags = {key: value for key, value in run.data.tags.items() if key != COMMIT}
    return TrackedRun(
        client=fenced(client, execution.tracking_uri, attempt.run_id, attempt.token),
        tracking_uri=execution.tracking_uri,
        name=execution.name,
        experiment=execution.experiment,
        experiment_id=run.info.experiment_id,
        run_id=attempt.run_id,
        tags=tags | ({COMMIT: attempt.commit} if attempt.commit else {}),
        resumed=True,
    )


def find_or_open(client: MlflowClient, execution: Execution) -> TrackedRun:
    """The run that carries the job's uid, the oldest of them; opened if there is none.

    Raises:
        RunFailed: the server refuses, or the experiment cannot be used.
    """
    with tracking_errors(execution.tracking_uri):
        experiment_id = experiment_of(client, execution)
        found = client.search_runs(
            [experiment_id],
            filter_string=f"tags.`{JOB_UID}` = '{execution.uid}'",
            run_view_type=ViewType.ALL,
            max_results=1,
            order_by=["attributes.start_time ASC"],
        )
        run = found[0] if found else _open(client, execution, experiment_id)
    return TrackedRun(
        client=client,
        tracking_uri=execution.tracking_uri,
        name=execution.name,
        experiment=execution.experiment,
        experiment_id=experiment_id,
        run_id=run.info.run_id,
        tags=dict(run.data.tags),
        resumed=bool(found),
    )


def _open(client: MlflowClient, execution: Execution, experiment_id: str) -> Run:
    git = execution.spec.source.git
    tags = {
        **execution.spec.mlflow.tags,
        JOB_UID: execution.uid,
        RUN_NAME: execution.name,
        "mlflow.source.type": "PROJECT",
        "mlflow.source.name": git.url if git else "image",
    }
    if execution.release:
        tags[f"{PREFIX}/release"] = execution.release
    with values_of("spec.mlflow.tags"):
        run = client.create_run(experiment_id, run_name=execution.name, tags=tags)
    # Its pod may wait long for an image, or be deleted: no training runs before its stages do.
    client.update_run(run.info.run_id, status="SCHEDULED")
    return run
