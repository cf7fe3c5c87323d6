"""Which measures are alike: what makes one of another pipeline state, and what does not."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo

from retrain_trainer.patience import Patience
from retrain_trainer.pipeline.code_or_data import code_digest
from retrain_trainer.pipeline.evaluation import Evaluation, evaluation_of
from retrain_trainer.pipeline.plan import plan_stages
from retrain_trainer.pipeline.project import Project
from retrain_trainer.pipeline.stores import Stores
from support.toy import write_files

Files = dict[str, str]
METRIC = "m.json"
PARAMS = "factor: 1\nbias: 2\nseed: 3\n"
START = {
    ".dvc/config": "[core]\n analytics = false\n",
    "params.yaml": PARAMS,
    "raw.csv": "1\n2\n",
    "src/train.sh": "",
    "src/eval.sh": "",
    "src/scale.sh": "",
}
APART = """
stages:
  scale:
    cmd: cat raw.csv > f.csv
    deps: [raw.csv, src/scale.sh]
    params: [factor]
    outs: [f.csv]
  train:
    cmd: cat f.csv params.yaml > model.txt
    deps: [f.csv, src/train.sh]
    params: [bias]
    outs: [model.txt]
  evaluate:
    cmd: cat model.txt f.csv > m.json
    deps: [model.txt, f.csv, src/eval.sh]
    params: [seed]
    metrics: [m.json]
"""
ONE_STAGE = """
stages:
  train:
    cmd: cat raw.csv params.yaml src/train.sh | tee model.txt > m.json
    deps: [src, raw.csv]
    params: [bias]
    outs: [model.txt]
    metrics: [m.json]
"""
SPLIT_IN_TRAIN = """
stages:
  train:
    cmd: cat raw.csv params.yaml > model.txt; cp raw.csv test.csv
    deps: [raw.csv, src/train.sh]
    params: [bias]
    outs: [model.txt, test.csv]
  evaluate:
    cmd: cat model.txt test.csv > m.json
    deps: [model.txt, test.csv, src/eval.sh]
    metrics: [m.json]
"""
NO_OUTPUT = """
stages:
  train:
    cmd: cat raw.csv params.yaml > model.txt; echo 1 > m.json
    deps: [raw.csv, src/train.sh]
    params: [bias]
    outs: [model.txt]
metrics: [m.json]
"""
NO_DATA = """
stages:
  train:
    cmd: cat params.yaml > model.txt
    deps: [src/train.sh]
    params: [bias]
    outs: [model.txt]
  evaluate:
    cmd: cat model.txt > m.json
    deps: [model.txt, src/eval.sh]
    metrics: [m.json]
"""


class Pipeline:
    """A project without git whose stages are run by DVC itself."""

    def __init__(self, folder: Path, dvc_yaml: str) -> None:
        self.folder = folder
        write_files(folder, START | {"dvc.yaml": dvc_yaml})

    def evaluation(self, changes: Files | None = None) -> Evaluation:
        write_files(self.folder, changes or {})
        repo = Repo(str(self.folder), config={"core": {"no_scm": True}})
        with repo:
            repo.reproduce()
            project = Project(repo, self.folder, Stores({}, (), (), None), Patience())
            plan = plan_stages(project, [], [])
            model = project.producers()[str(self.folder / "model.txt")]
            return evaluation_of(project, plan, model, METRIC)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


RAW = {"raw.csv": "1\n2\n3\n"}
BIAS = {"params.yaml": PARAMS.replace("bias: 2", "bias: 4")}
SEED = {"params.yaml": PARAMS.replace("seed: 3", "seed: 5")}
FACTOR = {"params.yaml": PARAMS.replace("factor: 1", "factor: 9")}
TRAIN = {"src/train.sh": "# better"}
EVAL = {"src/eval.sh": "# another average"}
SCALE = {"src/scale.sh": "# another scaler"}


@pytest.mark.parametrize(
    ("dvc_yaml", "change", "alike"),
    [
        (APART, BIAS, True),
        (APART, TRAIN, True),
        (APART, RAW, False),
        (APART, SEED, False),
        (APART, EVAL, False),
        (APART, {"dvc.yaml": APART.replace("txt f.csv > m", "txt  f.csv > m")}, False),
        (ONE_STAGE, BIAS, True),
        (ONE_STAGE, TRAIN, True),
        (ONE_STAGE, RAW, False),
        (SPLIT_IN_TRAIN, BIAS, True),
        (SPLIT_IN_TRAIN, RAW, False),
        (SPLIT_IN_TRAIN, EVAL, False),
        (NO_OUTPUT, BIAS, True),
        (NO_OUTPUT, RAW, False),
        (NO_DATA, BIAS, True),
        (NO_DATA, EVAL, False),
        (NO_DATA, TRAIN, False),
    ],
)
def test_measures_are_alike_if_data_code_command_and_parameters_of_the_evaluation_are(
    folder: Path, dvc_yaml: str, change: Files, alike: bool
) -> None:
    pipeline = Pipeline(folder, dvc_yaml)
    before = pipeline.evaluation()
    assert (pipeline.evaluation(change).identity == before.identity) == alike


@pytest.mark.parametrize(
    ("dvc_yaml", "why_not"),
    [
        (APART, ""),
        (ONE_STAGE, "measured by the stage that trains"),
        (SPLIT_IN_TRAIN, "reads test.csv, which stage train writes together with the model"),
        (NO_OUTPUT, "no stage of the pipeline has m.json among its metrics or outs"),
        (NO_DATA, "stage evaluate depends on no data"),
    ],
)
def test_another_model_can_be_measured_only_by_stages_that_read_it_and_data_of_their_own(
    folder: Path, dvc_yaml: str, why_not: str
) -> None:
    found = Pipeline(folder, dvc_yaml).evaluation()
    assert why_not in found.why_not
    assert bool(why_not) == bool(found.why_not)


@pytest.mark.parametrize(
    ("change", "alike"),
    [(FACTOR, False), (SCALE, False), (RAW, True), (TRAIN, True), (BIAS, True), (EVAL, True)],
)
def test_features_are_alike_if_command_code_and_parameters_of_their_stages_are(
    folder: Path, change: Files, alike: bool
) -> None:
    pipeline = Pipeline(folder, APART)
    before = pipeline.evaluation()
    after = pipeline.evaluation(change)
    assert after.feature_stages == ("scale",)
    assert (after.features == before.features) == alike


def test_features_that_come_out_the_same_are_the_same_data(folder: Path) -> None:
    pipeline = Pipeline(folder, APART)
    before = pipeline.evaluation()
    assert pipeline.evaluation(SCALE).data == before.data
    assert pipeline.evaluation(RAW).data != before.data


@pytest.mark.parametrize(
    ("files", "is_code"),
    [
        ({"src/train.py": "", "src/util/__init__.py": "", "src/README.md": ""}, True),
        ({"src/train.py": "", "src/__pycache__/train.cpython-311.pyc": ""}, True),
        ({"src/train.R": "", "src/.gitignore": "/out"}, True),
        ({"src/train.py": "", "src/labels.csv": "a"}, False),
        ({"src/a.txt": "a"}, False),
        ({}, False),
    ],
)
def test_a_folder_is_code_if_it_holds_nothing_else(
    tmp_path: Path, files: Files, is_code: bool
) -> None:
    write_files(tmp_path, files)
    assert (code_digest(tmp_path / "src") is not None) == is_code


def test_what_python_leaves_beside_code_makes_it_no_other_code(tmp_path: Path) -> None:
    write_files(tmp_path, {"src/train.py": "x = 1"})
    before = code_digest(tmp_path / "src")
    subprocess.run(["python3", "-m", "compileall", "-q", str(tmp_path / "src")], check=True)
    assert (tmp_path / "src" / "__pycache__").is_dir()
    assert code_digest(tmp_path / "src") == before
