"""`retrain` with a clock: where a run's time goes, part by part, written to a file as JSON.

    python bench/clock.py OUT.json BEGAN run -f trainingrun.yaml ...

BEGAN is the monotonic clock before this process was started. A part is a step of the training,
the import of a library, or a stage's command; time counts for the innermost one.
"""

import builtins
import functools
import importlib
import json
import resource
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBRARIES = ("mlflow", "dvc", "dvc_data", "dvc_objects", "pandas", "pyarrow")
PLACES = {
    "retrain_cli.home:Home.copy_project": "copy",
    "retrain_trainer.tracking.run:find_or_open": "open the MLflow run",
    "retrain_trainer.tracking.run:continue_attempt": "open the MLflow run",
    "retrain_trainer.tracking.run:TrackedRun.end": "end the MLflow run",
    "retrain_trainer.steps:Training._save_state": "save the state",
    "dvc.stage.run:_run": "commands",
}


class Clock:
    """Wall and CPU seconds by part; the children's CPU time counts once they have ended."""

    def __init__(self, began: float) -> None:
        self.parts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._inside = ["start of Python"]
        self._last = (began, 0.0)
        self._thread = threading.get_ident()

    def timed(self, part: str, call: Callable[[], Any]) -> Any:
        if threading.get_ident() != self._thread:
            return call()
        self._lap()
        self._inside.append(part)
        try:
            return call()
        finally:
            self._lap()
            self._inside.pop()

    def _lap(self) -> None:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        now = (time.monotonic(), time.process_time() + children.ru_utime + children.ru_stime)
        part = self.parts[self._inside[-1]]
        part[0] += now[0] - self._last[0]
        part[1] += now[1] - self._last[1]
        self._last = now


def time_imports(clock: Clock) -> None:
    plain = builtins.__import__

    def timed(name: str, *args: Any, **kwargs: Any) -> Any:
        library = name.partition(".")[0]
        if library not in LIBRARIES or name in sys.modules:
            return plain(name, *args, **kwargs)
        family = "dvc" if library.startswith("dvc") else library
        return clock.timed(f"import {family}", lambda: plain(name, *args, **kwargs))

    builtins.__import__ = timed


def time_places(clock: Clock) -> None:
    from retrain_trainer.steps import Training

    steps = [name for name, value in vars(Training).items() if name[0] != "_" and callable(value)]
    places = PLACES | {f"retrain_trainer.steps:Training.{name}": name for name in steps}
    for place, part in places.items():
        module, _, path = place.partition(":")
        owner = importlib.import_module(module)
        *outer, name = path.split(".")
        for attribute in outer:
            owner = getattr(owner, attribute)
        setattr(owner, name, _wrapped(clock, part, getattr(owner, name)))


def _wrapped(clock: Clock, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        return clock.timed(part, lambda: function(*args, **kwargs))

    return timed


def main() -> None:
    out, began, *arguments = sys.argv[1:]
    clock = Clock(float(began))
    time_imports(clock)
    # The command imports what it needs on its way; importing all of it first changes no sum.
    clock.timed("import retrain", lambda: importlib.import_module("retrain_cli.run"))
    clock.timed("import retrain", lambda: time_places(clock))
    command = importlib.import_module("retrain_cli.main").main
    try:
        clock.timed("rest", lambda: command(arguments))
    finally:
        Path(out).write_text(json.dumps(clock.parts))


if __name__ == "__main__":
    main()
