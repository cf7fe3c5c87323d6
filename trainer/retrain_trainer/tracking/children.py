"""The MLflow runs that the stages' code starts: children of ours, in whatever experiment."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from retrain_trainer.naming import mlflow_name
from retrain_trainer.tags import number_in
from retrain_trainer.tracking import record
from retrain_trainer.tracking.client import tracking_errors
from retrain_trainer.tracking.run import TrackedRun
from retrain_trainer.tracking.variables import ATTEMPT, PARENT, PARENT_RUN_ID, PREFIX, STAGE

FILE = "retrain/children.json"
EXPERIMENTS = 200
"""As many are asked for, or searched in, by one request."""

Value = TypeVar("Value", str, float)


@dataclass(frozen=True)
class Child:
    """A run that a stage's code has started."""

    run_id: str
    name: str
    experiment_id: str
    stage: str
    attempt: int
    nested: bool
    """Whether it is the child of another child."""
    running: bool
    artifacts: str
    """Address of its artifacts."""
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    """Name -> last value."""
    tags: Mapping[str, str]


def find_children(run: TrackedRun) -> list[Child]:
    """Every child of ``run``, of all attempts, oldest first."""
    condition = f"tags.`{PARENT}` = '{run.run_id}'"
    with tracking_errors(run.tracking_uri):
        ids = [
            experiment.experiment_id
            for experiment in _pages(
                lambda token: run.client.search_experiments(
                    ViewType.ACTIVE_ONLY, max_results=EXPERIMENTS, page_token=token
                )
            )
        ]
        found = [
            child
            for start in range(0, len(ids), EXPERIMENTS)
            for child in _search(run.client, ids[start : start + EXPERIMENTS], condition)
        ]
    return [_child(entity) for entity in sorted(found, key=lambda entity: entity.info.start_time)]


def read_children(run: TrackedRun, run_ids: Iterable[str]) -> list[Child]:
    """Children that an earlier training has had: those of a stage whose result was restored."""
    with tracking_errors(run.tracking_uri):
        return [_child(run.client.get_run(run_id)) for run_id in run_ids]


def of_stage(children: Iterable[Child], stage: str) -> list[Child]:
    """Those that ``stage`` started in the last attempt that ran it, oldest first."""
    own = [child for child in children if child.stage == stage]
    last = max((child.attempt for child in own), default=0)
    return [child for child in own if child.attempt == last]


def end_children(run: TrackedRun) -> None:
    """End as KILLED what still runs: the processes that would end it are gone."""
    for child in find_children(run):
        if child.running:
            with tracking_errors(run.tracking_uri):
                run.client.set_terminated(child.run_id, "KILLED")


def record_children(run: TrackedRun, children: Sequence[Child], stages: Sequence[str]) -> None:
    """Copy what ``children`` logged to the parent where it lacks it, and name them there.

    Of runs within one stage the later one counts; runs that are nested in others stay by
    themselves, as a search's hundred trials do.
    """
    if not children:
        return
    kept = {
        stage: [child for child in of_stage(children, stage) if not child.nested]
        for stage in stages
    }
    with tracking_errors(run.tracking_uri):
        present = run.client.get_run(run.run_id).data
    record.record_params(run, copies(present.params, _by_stage(kept, lambda child: child.params)))
    record.record_metrics(
        run, copies(present.metrics, _by_stage(kept, lambda child: child.metrics))
    )
    tags = copies(present.tags, _by_stage(kept, lambda child: _own_tags(child.tags)))
    record.record_tags(run, tags)
    listed = [_listed(child) for stage in stages for child in of_stage(children, stage)]
    record.record_text(run, FILE, json.dumps(listed, indent=1))


def copies(
    present: Mapping[str, Value], stages: Mapping[str, Mapping[str, Value]]
) -> dict[str, Value]:
    """What of ``stages`` (stage -> key -> value) the parent lacks, by the key it gets there.

    A key that stages have with different values, or that means something else on the parent, is
    told apart as `<stage>.<key>`.
    """
    added: dict[str, Value] = {}
    for stage, values in stages.items():
        for key, value in values.items():
            name = mlflow_name(key)
            known = [found[key] for found in stages.values() if key in found]
            if name in present:
                known.append(present[name])
            if not all(record.same(other, value) for other in known):
                added[mlflow_name(f"{stage}.{key}")] = value
            elif name not in present:
                added[name] = value
    return added


def _by_stage(
    children: Mapping[str, Sequence[Child]], part: Callable[[Child], Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    return {
        stage: {key: value for child in own for key, value in part(child).items()}
        for stage, own in children.items()
    }


def _own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value for key, value in tags.items() if not key.startswith(("mlflow.", f"{PREFIX}/"))
    }


def _listed(child: Child) -> dict[str, str]:
    return {
        "stage": child.stage,
        "run_id": child.run_id,
        "experiment_id": child.experiment_id,
        "name": child.name,
        "artifacts": child.artifacts,
    }


def _child(run: Run) -> Child:
    tags = dict(run.data.tags)
    return Child(
        run_id=run.info.run_id,
        name=run.info.run_name or "",
        experiment_id=run.info.experiment_id,
        stage=tags.get(STAGE, ""),
        attempt=number_in(tags.get(ATTEMPT, "")) or 0,
        nested=tags.get(PARENT_RUN_ID) != tags.get(PARENT),
        running=run.info.status in ("RUNNING", "SCHEDULED"),
        artifacts=run.info.artifact_uri or "",
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=tags,
    )


def _search(client: MlflowClient, experiments: list[str], condition: str) -> list[Run]:
    return _pages(
        lambda token: client.search_runs(
            experiments, filter_string=condition, max_results=1000, page_token=token
        )
    )


def _pages(ask: Callable[[str | None], Any]) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        page = ask(token)
        found.extend(page)
        token = page.token
        if not token:
            return found
