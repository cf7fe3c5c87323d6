"""Standard output: the TrainingRun of a local run with its status, as JSON or YAML."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TextIO

from retrain_cli.printable import as_json, as_yaml
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
        stream.write(as_json(content))
    else:
        stream.write(as_yaml(content))
    stream.flush()


@contextmanager
def own_stdout() -> Iterator[TextIO]:
    """Standard output for the result alone: whatever else is printed goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
