"""What `retrain run` costs over the bare stages of the iris example, as `make bench` prints it.

Every figure is a median of several repetitions; the things compared take turns, so that whatever
else the machine does meets all of them alike. Compare the ratios between machines, not the seconds.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "iris"
CLOCK = Path(__file__).resolve().with_name("clock.py")

END = "end of Python"
"""What the clock does not see: how long the process takes to go."""
GROUPS = {
    "start of Python": ("start of Python",),
    "import MLflow": ("import mlflow",),
    "import DVC": ("import dvc",),
    "import pandas, pyarrow": ("import pandas", "import pyarrow"),
    "import the rest": ("import retrain",),
    "copy of the project": ("copy",),
    "DVC": ("preflight", "update_imports", "run_stages", "push"),
    "MLflow": (
        "open the MLflow run",
        "find_start",
        "save the state",
        "record",
        "end the MLflow run",
    ),
    "registry": ("same_version", "up_to_date", "register", "promote"),
    "the stages' commands": ("commands",),
    END: (END,),
}
"""The parts of a run as they are printed, and what bench/clock.py calls them."""
REST = "rest"


@dataclass
class Series:
    """Repetitions of one thing: wall and CPU seconds of each, and its parts if it has any."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    parts: list[Mapping[str, Sequence[float]]] = field(default_factory=list)


@dataclass(frozen=True)
class Workshop:
    """Two copies of the example, and the environment in which everything runs."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def bare(self) -> Path:
        return self.folder / "bare"

    @property
    def project(self) -> Path:
        return self.folder / "project"

    def prepare(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=EXAMPLE, capture_output=True, text=True, check=True
        )
        for copy in (self.bare, self.project):
            for name in filter(None, listed.stdout.split("\0")):
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(EXAMPLE / name, copy / name)
            _git(copy, "init", "--quiet")
            _git(copy, "add", ".")
            _git(copy, "commit", "--quiet", "--message", "iris")
        shutil.copy(self.bare / "upstream/iris.csv", self.bare / "data/raw.csv")
        stages = yaml.safe_load((self.bare / "dvc.yaml").read_text())["stages"]
        commands = [stage["cmd"] for stage in stages.values()]
        (self.folder / "stages.sh").write_text("\n".join(["set -e", *commands, ""]))
        manifest = yaml.safe_load((EXAMPLE / "trainingrun.yaml").read_text())
        (self.folder / "same.yaml").write_text(yaml.safe_dump(manifest))
        # Other parameters alone would leave out `prepare`, which the bare commands run.
        manifest["spec"]["dvc"] = {"force": list(stages)}
        (self.folder / "forced.yaml").write_text(yaml.safe_dump(manifest))

    def run_bare(self, series: Series) -> None:
        store = {"MLFLOW_TRACKING_URI": f"sqlite:///{self.bare}/mlflow.db"}
        self._measure(series, ["sh", "../stages.sh"], self.bare, store)

    def run_retrain(self, series: Series, manifest: str, c: float) -> None:
        parts = self.folder / "parts.json"
        command = [sys.executable, "-P", str(CLOCK), str(parts), str(time.monotonic()), "run"]
        command += ["-f", f"../{manifest}", "--source", ".", "--set", f"train.C={c}"]
        self._measure(series, command, self.project, {})
        spent = json.loads(parts.read_text())
        spent[END] = [
            total[-1] - sum(part[unit] for part in spent.values())
            for unit, total in enumerate((series.wall, series.cpu))
        ]
        series.parts.append(spent)

    def _measure(
        self, series: Series, command: list[str], folder: Path, extra: Mapping[str, str]
    ) -> None:
        log = self.folder / "output"
        with log.open("wb") as output:
            began = time.monotonic()
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**self.environment, **extra},
                stdout=output,
                stderr=output,
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()}")
        series.wall.append(wall)
        series.cpu.append(usage.ru_utime + usage.ru_stime)


def _git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def environment() -> dict[str, str]:
    """That of a person who has activated the virtual environment and set nothing else."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "DVC_", "GIT_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return kept | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}


def measure(workshop: Workshop, repetitions: int) -> tuple[Series, Series, Series]:
    bare, full, idle = Series(), Series(), Series()
    # Not counted: these make the databases and fill the file system's cache.
    workshop.run_bare(Series())
    workshop.run_retrain(Series(), "forced.yaml", 1)
    workshop.run_retrain(Series(), "same.yaml", 1)
    for number in range(1, repetitions + 1):
        print(f"repetition {number} of {repetitions}", file=sys.stderr)
        c = 1 + number / 100
        workshop.run_bare(bare)
        workshop.run_retrain(full, "forced.yaml", c)
        workshop.run_retrain(idle, "same.yaml", c)
    return bare, full, idle


def report(bare: Series, full: Series, idle: Series) -> None:
    median = statistics.median
    print(f"\n{'':<30}{'wall s':>9}{'CPU s':>9}{'wall':>9}{'CPU':>9}")
    rows = {
        "the three commands alone": bare,
        "retrain run, all three run": full,
        "retrain run, nothing to do": idle,
    }
    for title, series in rows.items():
        wall = median(a / b for a, b in zip(series.wall, bare.wall, strict=True))
        cpu = median(a / b for a, b in zip(series.cpu, bare.cpu, strict=True))
        seconds = f"{median(series.wall):9.2f}{median(series.cpu):9.2f}"
        print(f"{title:<30}{seconds}{wall:8.2f}x{cpu:8.2f}x")
    wall = median(a - b for a, b in zip(full.wall, bare.wall, strict=True))
    cpu = median(a - b for a, b in zip(full.cpu, bare.cpu, strict=True))
    print(f"{'overhead over the commands':<30}{wall:9.2f}{cpu:9.2f}\n")

    print(f"{'':<30}{'all three run':^18}{'nothing to do':^18}")
    print(f"{'where it goes':<30}" + f"{'wall s':>9}{'CPU s':>9}" * 2)
    columns = (_by_group(full), _by_group(idle))
    for group in (*GROUPS, REST):
        figures = "".join(f"{value:9.2f}" for column in columns for value in column[group])
        print(f"{group:<30}{figures}")


def _by_group(series: Series) -> dict[str, tuple[float, float]]:
    """The medians of each group, in wall and CPU seconds."""
    group_of = {part: group for group, parts in GROUPS.items() for part in parts}
    sums: dict[str, list[list[float]]] = defaultdict(list)
    for repetition in series.parts:
        found = {group: [0.0, 0.0] for group in (*GROUPS, REST)}
        for part, (wall, cpu) in repetition.items():
            group = found[group_of.get(part, REST)]
            group[0] += wall
            group[1] += cpu
        for name, seconds in found.items():
            sums[name].append(seconds)
    return {
        name: (statistics.median(s[0] for s in each), statistics.median(s[1] for s in each))
        for name, each in sums.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="retrain-bench-") as folder:
        workshop = Workshop(Path(folder), environment())
        workshop.prepare()
        report(*measure(workshop, arguments.repetitions))


if __name__ == "__main__":
    main()
