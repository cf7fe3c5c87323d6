"""Sentences for code whose MLflow calls lead away from the run of the training. Pure."""

import re
from collections.abc import Mapping

from retrain_core.outcome import Reason, RunFailed
from retrain_core.redact import without_userinfo

_OWN_STORE = (
    "Leave set_tracking_uri out, or give it no address of its own: Retrain sets MLFLOW_TRACKING_URI"
    " for every stage"
)
_NO_RUN_ID = (
    "No stage has an MLFLOW_RUN_ID: mlflow.start_run() without run_id starts a run that belongs to"
    " this training, and mlflow.active_run().info.run_id is its id"
)
_FOLDER = f"The code logs to a folder, which MLflow no longer takes as a store. {_OWN_STORE}"
_ELSEWHERE = (
    "The code asks its MLflow store for a run that is in another, or in none: mlflow.start_run()"
    f" needs no run_id. {_OWN_STORE}"
)
_EXPERIMENT = (
    "The code names an experiment by its id, which is another one in each MLflow store: use"
    " mlflow.set_experiment with a name, or leave it out"
)
_NO_SERVER = f"The code waited for an MLflow server that does not answer. {_OWN_STORE}"
_TWICE = (
    "MLflow keeps the first value of a parameter: log each set of values in a run of its own, with"
    " mlflow.start_run()"
)
_HINTS_BY_MESSAGE = {
    r"KeyError: '?MLFLOW_RUN_ID": _NO_RUN_ID,
    r"filesystem tracking backend": _FOLDER,
    r"Run with id=\S+ not found|Run '\w+' not found": _ELSEWHERE,
    r"No Experiment with id=|Could not find experiment with ID": _EXPERIMENT,
    r"API request to \S+ failed with exception|Max retries exceeded with url: \S*/mlflow/": (
        _NO_SERVER
    ),
    r"Changing param values is not allowed": _TWICE,
}
_SETS_STORE = re.compile(r"set_tracking_uri\((?!.*MLFLOW_TRACKING_URI)")
_READS_RUN_ID = re.compile(r"MLFLOW_RUN_ID")
_CREATES_RUN = re.compile(r"\.create_run\(")


def failure_hint(message: str) -> str | None:
    """What to change in code that has failed with these last words, if MLflow is the reason."""
    return next(
        (hint for pattern, hint in _HINTS_BY_MESSAGE.items() if re.search(pattern, message)), None
    )


def advised(failure: RunFailed) -> RunFailed:
    """``failure`` of a stage, with a hint at its end."""
    hint = failure_hint(failure.message) if failure.reason is Reason.STAGE_FAILED else None
    return RunFailed(failure.reason, f"{failure.message}\n{hint}") if hint else failure


def code_hints(code: Mapping[str, str], *, logged: bool) -> list[str]:
    """What in a stage's code (path -> text) is not seen in the run of the training.

    ``logged``: whether MLflow runs of the stage belong to it.
    """
    found: dict[str, str] = {}
    for path, text in code.items():
        for number, line in enumerate(text.splitlines(), 1):
            if (hint := _hint(line.strip(), logged=logged)) is not None:
                place = f"{path}:{number}: {without_userinfo(line.strip())[:120]}"
                found.setdefault(hint, f"{place}\n{hint}")
    return list(found.values())


def _hint(line: str, *, logged: bool) -> str | None:
    if line.startswith("#"):
        return None
    if _CREATES_RUN.search(line):
        return (
            "A run made by create_run is not part of this training, and nothing of it is copied:"
            " mlflow.start_run() makes one that is"
        )
    if not logged and _SETS_STORE.search(line):
        return f"What this logs is not in the MLflow store of this training. {_OWN_STORE}"
    if not logged and _READS_RUN_ID.search(line):
        return _NO_RUN_ID
    return None
