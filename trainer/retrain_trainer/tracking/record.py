"""What is recorded of a training: parameters, metrics, data, files."""

import json
import math
import posixpath
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

from retrain_trainer.naming import distinct, mlflow_name
from retrain_trainer.tracking.client import tracking_errors
from retrain_trainer.tracking.run import TrackedRun

MAX_PARAM = 6000
MAX_TAG = 5000
MAX_DIGEST = 36
BATCH = 100


def record_params(run: TrackedRun, params: Mapping[str, object]) -> None:
    """Log the parameters that the run lacks: MLflow refuses to change one, user code's too."""
    with tracking_errors(run.tracking_uri):
        present = run.client.get_run(run.run_id).data.params
        names = distinct(params, mlflow_name)
        named = {names[key]: str(value)[:MAX_PARAM] for key, value in params.items()}
        new = [Param(name, value) for name, value in named.items() if name not in present]
        for start in range(0, len(new), BATCH):
            run.client.log_batch(run.run_id, params=new[start : start + BATCH])


def record_metrics(run: TrackedRun, metrics: Mapping[str, float]) -> None:
    """Log the metrics that the run does not have with that value already."""
    with tracking_errors(run.tracking_uri):
        present = run.client.get_run(run.run_id).data.metrics
        now = int(time.time() * 1000)
        names = distinct(metrics, mlflow_name)
        new = [
            Metric(
                names[key], value, now, _last_step(run, names[key]) if names[key] in present else 0
            )
            for key, value in metrics.items()
            if names[key] not in present or not same(present[names[key]], value)
        ]
        for start in range(0, len(new), BATCH):
            run.client.log_batch(run.run_id, metrics=new[start : start + BATCH])


def record_tags(run: TrackedRun, tags: Mapping[str, str]) -> None:
    """Set tags; what is longer than MLflow takes is cut."""
    with tracking_errors(run.tracking_uri):
        for key, value in tags.items():
            run.client.set_tag(run.run_id, key, value[:MAX_TAG])


def record_dataset(run: TrackedRun, name: str, digest: str, source: Mapping[str, object]) -> None:
    """Log a data file with its hash and where it is from; MLflow shows it as an input."""
    dataset = Dataset(
        name=name,
        digest=digest[:MAX_DIGEST],
        source_type="dvc",
        source=json.dumps(source, sort_keys=True),
    )
    tags = [InputTag("mlflow.data.context", "training")]
    with tracking_errors(run.tracking_uri):
        run.client.log_inputs(run.run_id, [DatasetInput(dataset, tags)])


def record_text(run: TrackedRun, path: str, text: str) -> None:
    """Log a text as the artifact ``path``."""
    with tracking_errors(run.tracking_uri):
        run.client.log_text(run.run_id, text, path)


def record_files(run: TrackedRun, folder: str, files: Iterable[tuple[Path, str]]) -> None:
    """Log files and folders, each as the artifact of its path below ``folder``."""
    with tracking_errors(run.tracking_uri):
        for file, path in files:
            target = f"{folder}/{path}"
            if file.is_dir():
                run.client.log_artifacts(run.run_id, str(file), target)
            else:
                run.client.log_artifact(run.run_id, str(file), posixpath.dirname(target))


def _last_step(run: TrackedRun, metric: str) -> int:
    """MLflow shows the value of the highest step: one logged below it would be hidden."""
    history = run.client.get_metric_history(run.run_id, metric)
    return max((point.step for point in history), default=0)


def same(one: str | float, other: str | float) -> bool:
    """Whether two values are one, as numbers if they can be: `1` and `1.0`, or two NaN."""
    if one == other:
        return True
    try:
        first, second = float(one), float(other)
    except ValueError:
        return False
    return first == second or (math.isnan(first) and math.isnan(second))
