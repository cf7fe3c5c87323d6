"""The TrainingRun of a local run with its status, as JSON or YAML."""

import json
from datetime import datetime
from typing import Any, TextIO

import yaml

from retrain_core.result import Result
from retrain_core.spec import TrainingRun
from retrain_core.status import finished_status


def print_run(
    stream: TextIO,
    form: str,
    run: TrainingRun,
    result: Result,
    started: datetime,
    ended: datetime,
) -> None:
    """Print ``run`` with the status that ``result`` gives it, and nothing else."""
    content: dict[str, Any] = run.to_api()
    content["status"] = finished_status(result, started=started, ended=ended)
    if form == "json":
        json.dump(content, stream, indent=2)
        stream.write("\n")
    else:
        yaml.safe_dump(content, stream, sort_keys=False)
    stream.flush()
