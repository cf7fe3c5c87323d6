"""Keeps the attempts at a run apart: the one that began last writes, an earlier one no more.

The `source` of each pod writes a token of its own to the MLflow run. Whatever the pod writes to
MLflow afterwards, it reads that tag first. MLflow has no compare-and-set, so one request that was
let through just before another pod began can still arrive after it.
"""

from typing import Any, cast

from mlflow import MlflowClient

from retrain_core.outcome import Reason, RunFailed
from retrain_trainer.patience import Patience
from retrain_trainer.tracking.client import patient, tracking_errors
from retrain_trainer.tracking.variables import PREFIX

TOKEN = f"{PREFIX}/attempt-token"
_READING = ("get_", "search_", "list_", "download_", "ask")


class Fenced:
    """A client for the attempt with ``token`` at a run.

    Its methods that may write raise RunFailed, Superseded, once the run has the token of another.
    """

    def __init__(self, client: MlflowClient, tracking_uri: str, run_id: str, token: str) -> None:
        self._fenced = client
        self._tracking_uri = tracking_uri
        self._run_id = run_id
        self._token = token

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fenced, name)
        if name.startswith(("_", *_READING)) or not callable(found):
            return found

        def checked(*arguments: Any, **options: Any) -> Any:
            self.check()
            return found(*arguments, **options)

        return checked

    def check(self) -> None:
        """Raise RunFailed, Superseded, if the run has the token of another attempt."""
        with tracking_errors(self._tracking_uri):
            held = self._fenced.get_run(self._run_id).data.tags.get(TOKEN)
        if held != self._token:
            raise RunFailed(
                Reason.SUPERSEDED,
                "another pod of this run has begun since: that one goes on, and this one writes"
                " nothing more",
            )

    def waiting(self, patience: Patience) -> "Fenced":
        """The same, with another patience."""
        client = patient(self._fenced, self._tracking_uri, patience)
        return Fenced(client, self._tracking_uri, self._run_id, self._token)


def fenced(client: MlflowClient, tracking_uri: str, run_id: str, token: str) -> MlflowClient:
    """``client`` as a :class:`Fenced`."""
    return cast(MlflowClient, Fenced(client, tracking_uri, run_id, token))


def require_current(client: MlflowClient) -> None:
    """See that the attempt of ``client``, if it is of one, is still the run's newest.

    Raises:
        RunFailed: Superseded.
    """
    if isinstance(client, Fenced):
        client.check()


def waiting(client: MlflowClient, tracking_uri: str, patience: Patience) -> MlflowClient:
    """``client``, fenced or not, with another patience."""
    if isinstance(client, Fenced):
        return cast(MlflowClient, client.waiting(patience))
    return patient(client, tracking_uri, patience)
