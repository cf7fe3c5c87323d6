"""Whether a model version is what its record says."""

import hashlib
import json
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion

from servers.s3 import S3Server
from support.toy import toy_files


def noisy_files() -> dict[str, str]:
    """The toy project, whose model is another one each time that it is trained."""
    train = toy_files()["src/train.py"]
    return toy_files(
        src__train_dot_py=train.replace('{"lr": lr,', '{"lr": lr, "noise": time.time(),')
    )


def assert_is_as_recorded(version: ModelVersion, s3: S3Server, bucket: str) -> None:
    """Needs MLFLOW_TRACKING_URI."""
    digest = version.tags["retrain.dev/record"]
    record = s3.get(bucket, f"dvc/retrain/records/{digest}.json")
    assert hashlib.sha256(record).hexdigest() == digest
    lock = json.loads(record)["locks"]["dvc.lock"]
    assert hashlib.md5(lock.encode()).hexdigest() == version.tags["retrain.dev/dvc-lock-md5"]
    file = mlflow.artifacts.download_artifacts(f"runs:/{version.run_id}/model/model.json")
    assert hashlib.md5(Path(file).read_bytes()).hexdigest() in lock
