"""`retrain run` on a clone, in this process, and the outputs as it has recorded them."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from differential.clones import content, own_process_state, remove
from differential.project import Project
from differential.steps import Step
from retrain_cli.run import Options, run_manifest
from retrain_cli.work_copy.project import HOME


def manifest(model: str | None) -> str:
    """A TrainingRun that registers ``model``, or nothing."""
    spec: dict[str, Any] = {"source": {"git": {"url": "https://git.example.com/team/project.git"}}}
    if model:
        spec["model"] = {"name": "project", "artifact": model}
    document = {
        "apiVersion": "retrain.dev/v1alpha1",
        "kind": "TrainingRun",
        "metadata": {"name": "project"},
        "spec": spec,
    }
    return yaml.safe_dump(document, sort_keys=False)


def prepare(folder: Path, tracking: Path) -> None:
    """Give the clone an empty MLflow store, made once: to make one takes seconds."""
    (folder / HOME / "mlflow").mkdir(parents=True)
    shutil.copy(tracking, folder / HOME / "mlflow" / "mlflow.db")


def tidy(folder: Path, step: Step) -> None:
    """Delete what the step deletes from the run's own copy: the person's tree has no outputs."""
    for path in step.deleted:
        remove(working_copy(folder) / path)


def run(folder: Path) -> str | None:
    """Run `retrain run -f trainingrun.yaml`; returns what it printed if it failed."""
    log = folder.parent / f"{folder.name}.log"
    options = Options(folder / "trainingrun.yaml", None, (), False, False, None, False)
    with own_process_state(folder), _stderr_to(log):
        code = run_manifest(options)
    return None if code == 0 else log.read_text()


def outputs(folder: Path, project: Project) -> dict[str, dict[str, bytes]]:
    """Path of each output -> its files: as placed, else as recorded."""
    copy = working_copy(folder)
    recorded = _recorded(copy / "dvc.lock")
    found = {}
    for path in project.outputs():
        files = content(copy / path)
        if files is None and path in recorded:
            files = _stored(folder / HOME, recorded[path])
        found[path] = dict(files or {})
    return found


def working_copy(folder: Path) -> Path:
    return folder / HOME / "work" / folder.relative_to(folder.anchor)


def _recorded(lock: Path) -> dict[str, str]:
    """Output -> MD5, as dvc.lock has it."""
    document = yaml.safe_load(lock.read_text()) if lock.exists() else {}
    stages = document.get("stages", {}).values()
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}


def _stored(home: Path, md5: str) -> dict[str, bytes] | None:
    file = _object(home, md5)
    if file is None or not md5.endswith(".dir"):
        return None if file is None else {"": file.read_bytes()}
    listed = ((entry["relpath"], entry["md5"]) for entry in json.loads(file.read_text()))
    objects = {name: _object(home, inner) for name, inner in listed}
    return {name: inner.read_bytes() for name, inner in objects.items() if inner is not None}


def _object(home: Path, md5: str) -> Path | None:
    stores = (home / "cache" / "dvc", home / "remote")
    files = (store / "files" / "md5" / md5[:2] / md5[2:] for store in stores)
    return next((file for file in files if file.is_file()), None)


@contextmanager
def _stderr_to(file: Path) -> Iterator[None]:
    kept = os.dup(2)
    with open(file, "wb") as stream:
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
