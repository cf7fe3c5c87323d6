"""The drift of a champion's columns, on the run that has trained it."""

import time
from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.entities import Metric

from retrain_trainer.tracking.client import tracking_errors

FOLDER = "drift"


def record_drift(
    client: MlflowClient,
    tracking_uri: str,
    run_id: str,
    trigger: str,
    texts: Mapping[str, str],
    metrics: Mapping[str, float],
) -> None:
    """Log ``texts`` (ending -> content) as `drift/<trigger>.<ending>`, and a point of each metric.

    Raises:
        RunFailed: the server does not take them.
    """
    now = int(time.time() * 1000)
    points = [
        Metric(f"{FOLDER}.{trigger}.{name}", value, now, 0) for name, value in metrics.items()
    ]
    with tracking_errors(tracking_uri):
        for ending, text in texts.items():
            client.log_text(run_id, text, f"{FOLDER}/{trigger}.{ending}")
        client.log_batch(run_id, metrics=points)
