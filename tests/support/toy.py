"""A DVC project without any package: three stages that run in milliseconds.

Its stages append their names to the file in TOY_LOG, so that a test can count what really ran;
`train` waits for the file in TOY_WAIT to go, so that a test can act in the middle of it.
"""

import json
import textwrap
from pathlib import Path
from typing import Any

COMMON = """
import json, os, sys, time

def ran(name):
    if os.environ.get("TOY_LOG"):
        with open(os.environ["TOY_LOG"], "a") as log:
            log.write(name + "\\n")

def rows(path):
    return [float(line) for line in open(path) if line.strip()]
"""
PREPARE = """
from common import *
ran("prepare")
values = rows("data/raw.csv")
open("data/processed.csv", "w").write("\\n".join(str(v) for v in values) + "\\n")
"""
TRAIN = """
from common import *
ran("train")
wait = os.environ.get("TOY_WAIT")
if wait:
    open(wait + ".started", "w").close()
    while os.path.exists(wait):
        time.sleep(0.02)
lr = float([l for l in open("params.yaml") if "lr:" in l][0].split(":")[1])
os.makedirs("models", exist_ok=True)
json.dump({"lr": lr, "n": len(rows("data/processed.csv"))}, open("models/model.json", "w"))
json.dump({"loss": 1 - lr}, open("models/metrics.json", "w"))
print("trained with lr", lr)
"""
EVALUATE = """
from common import *
ran("evaluate")
model = json.load(open("models/model.json"))
mean = sum(rows("data/processed.csv")) / len(rows("data/processed.csv"))
json.dump({"score": model["lr"] * mean}, open("models/eval.json", "w"))
"""
DVC_YAML = """
stages:
  prepare:
    cmd: python src/prepare.py
    deps: [src/prepare.py, src/common.py, data/raw.csv]
    outs: [data/processed.csv]
  train:
    cmd: python src/train.py
    deps: [src/train.py, src/common.py, data/processed.csv]
    params: [train.lr]
    outs: [models/model.json]
    metrics:
      - models/metrics.json: {cache: false}
  evaluate:
    cmd: python src/evaluate.py
    deps: [src/evaluate.py, src/common.py, data/processed.csv, models/model.json]
    metrics:
      - models/eval.json: {cache: false}
"""
IMPORT = """
frozen: true
deps:
- path: ../upstream/raw.csv
outs:
- path: raw.csv
  hash: md5
"""


def toy_files(**changes: str | None) -> dict[str, str]:
    """The project's files; ``changes`` replaces files, or leaves them out (None).

    Keys of ``changes`` are paths with `/` as `__` and `.` as `_dot_`.
    """
    files: dict[str, str] = {
        ".dvc/config": "[core]\n    analytics = false\n",
        ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
        ".gitignore": "/models\n/data/processed.csv\n/data/raw.csv\n",
        "data/raw.csv.dvc": IMPORT.lstrip(),
        "upstream/raw.csv": "1\n1\n1\n",
        "params.yaml": "train:\n  lr: 0.5\n",
        "dvc.yaml": DVC_YAML.lstrip(),
        "src/common.py": COMMON,
        "src/prepare.py": PREPARE,
        "src/train.py": TRAIN,
        "src/evaluate.py": EVALUATE,
    }
    for key, text in changes.items():
        path = key.replace("__", "/").replace("_dot_", ".")
        if text is None:
            files.pop(path)
        else:
            files[path] = textwrap.dedent(text)
    return files


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def toy_spec(**parts: Any) -> dict[str, Any]:
    """A run spec for the toy project; ``parts`` replaces top-level fields."""
    spec: dict[str, Any] = {
        "source": {"git": {"url": "https://localhost/toy.git"}},
        "model": {"name": "toy", "promotion": {"metric": "score"}},
    }
    return spec | parts


def manifest(spec: dict[str, Any], name: str = "toy") -> str:
    """A TrainingRun manifest; JSON is YAML."""
    return json.dumps(
        {
            "apiVersion": "retrain.dev/v1alpha1",
            "kind": "TrainingRun",
            "metadata": {"name": name},
            "spec": spec,
        },
        indent=1,
    )
