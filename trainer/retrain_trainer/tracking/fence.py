"""Keeps the attempts at a run apart: the one that began last writes, an earlier one no more.

The `source` of each pod writes a token of its own to the MLflow run. Whatever the pod writes to
MLflow afterwards, it reads that tag first. MLflow has no compare-and-set, so one request that was
let through just before another pod began can still arrive after it.
"""

from collections.abc import Callable
from typing import Any, cast

from mlflow import MlflowClient

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.tracking.client import tracking_errors
from retrain_trainer.tracking.variables import PREFIX

TOKEN = f"{PREFIX}/attempt-token"
_READING = ("get_", "search_", "list_", "download_")


class Fenced:
    """A client whose every method that may write asks ``check`` first."""

    def __init__(self, client: MlflowClient, check: Callable[[], None]) -> None:
        self._fenced = client
        self._check = check

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fenced, name)
        if name.startswith(("_", *_READING)) or not callable(found):
            return found

        def checked(*arguments: Any, **options: Any) -> Any:
            self._check()
            return found(*arguments, **options)

        return checked


def fenced(client: MlflowClient, tracking_uri: str, run_id: str, token: str) -> MlflowClient:
    """``client`` for the attempt with ``token`` at the run.

    Its writing methods raise RunFailed, Superseded, once the run has the token of another.
    """

    def check() -> None:
        with tracking_errors(tracking_uri):
            held = client.get_run(run_id).data.tags.get(TOKEN)
        if held != token:
            raise RunFailed(
                Reason.SUPERSEDED,
                "another pod of this run has begun since: that one goes on, and this one writes"
                " nothing more",
            )

    return cast(MlflowClient, Fenced(client, check))
