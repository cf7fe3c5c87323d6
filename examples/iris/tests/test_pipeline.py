"""The stages in their order, as DVC runs them, on the small sample."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import eval as evaluate
import prepare
import train
import utils

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


def run_stages(folder: Path) -> None:
    processed, model = str(folder / "processed.csv"), str(folder / "model.joblib")
    prepare.main(["--in", str(ROOT / "data/sample.csv"), "--out", processed])
    train.main(["--in", processed, "--out", model])
    report, predictions = str(folder / "eval.json"), str(folder / "predictions.csv")
    evaluate.main(
        ["--in", processed, "--model", model, "--out", report, "--predictions", predictions]
    )


def test_same_data_and_parameters_give_the_same_bytes(workspace: Path) -> None:
    for name in ("one", "two"):
        run_stages(workspace / name)
    produced = sorted(path.name for path in (workspace / "one").iterdir())
    assert produced == [
        "eval.json",
        "metrics.json",
        "model.joblib",
        "predictions.csv",
        "processed.csv",
    ]
    for name in produced:
        assert (workspace / "one" / name).read_bytes() == (workspace / "two" / name).read_bytes()
    assert json.loads((workspace / "one/eval.json").read_text())["f1_macro"] > 0.6


def test_held_out_rows_are_never_trained_on() -> None:
    trained, held_out = utils.split(utils.read_table(ROOT / "data/sample.csv"))
    assert len(held_out) == 9
    assert set(trained.index).isdisjoint(held_out.index)
    assert set(held_out[utils.TARGET]) == set(trained[utils.TARGET])


def test_incomplete_rows_are_dropped_and_species_spelled_alike(workspace: Path) -> None:
    raw = workspace / "raw.csv"
    header = ",".join([*utils.FEATURES, utils.TARGET])
    raw.write_text(f"{header}\n5.1,3.5,1.4,0.2, Setosa\n5.1,,1.4,0.2,setosa\n?,3,1,0.2,setosa\n")
    table = prepare.clean(utils.read_table(raw))
    assert table[utils.TARGET].tolist() == ["setosa"]


def test_a_missing_column_is_named(workspace: Path) -> None:
    (workspace / "raw.csv").write_text("sepal_length,sepal_width,petal_length,species\n")
    with pytest.raises(SystemExit, match="raw.csv: missing column petal_width"):
        utils.read_table(workspace / "raw.csv")


def test_a_single_species_cannot_be_learnt() -> None:
    table = utils.read_table(ROOT / "data/sample.csv")
    with pytest.raises(SystemExit, match="fewer than two species"):
        utils.split(table[table[utils.TARGET] == "setosa"])


def test_parameters_have_the_type_the_stage_needs(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("train: {C: 1e-05, max_iter: many}\n")
    assert utils.param("train.C", float) == 1e-05
    with pytest.raises(SystemExit, match="train.max_iter is 'many', not a valid int"):
        utils.param("train.max_iter", int)
    with pytest.raises(SystemExit, match=r"no parameter split\.seed"):
        utils.param("split.seed", int)
