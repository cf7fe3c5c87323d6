"""Parameters shape the plan, wherever they stand; a parameter file that goes ends no later run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Stranger, model

Make = Callable[..., Stranger]

FOREACH = {
    "params.yaml": "names: [a, b]\nfile: model.pkl\n",
    ".gitignore": "*.txt\n*.pkl\n",
    "dvc.yaml": """
stages:
  part:
    foreach: ${names}
    do:
      cmd: echo part@${item} >> $RAN; echo ${item} > ${item}.txt
      outs: ["${item}.txt"]
  train:
    cmd: echo train >> $RAN; cat ?.txt > ${file}; echo "{\\"score\\":$(wc -l < ${file})}" > m.json
    params: [names]
    deps: [code.sh]
    outs: ["${file}"]
    metrics: [m.json: {cache: false}]
""",
}


def test_a_list_of_foreach_given_for_a_run_makes_its_stages(stranger: Make) -> None:
    team = stranger(FOREACH)
    assert team.run("--set", "names=[a,b,c]").ran == ["part@a", "part@b", "part@c", "train"]
    fewer = team.run("--set", "names=[b]")
    assert fewer.code == 0, fewer.text
    assert set(fewer.states) == {"part@b", "train"}


def test_what_a_dropped_item_has_left_is_not_read(stranger: Make) -> None:
    team = stranger(FOREACH)
    assert team.run().metrics["score"] == 2
    assert team.run("--set", "names=[b]").metrics["score"] == 1


def test_an_output_named_by_a_parameter_is_the_one_that_is_registered(stranger: Make) -> None:
    team = stranger(FOREACH)
    ended = team.run("--set", "file=other.pkl")
    assert ended.reason == "Trained", ended.text
    assert team.run("--set", "file=other.pkl").reason == "UpToDate"


VARS = {
    "file": ("conf.yaml", "lr: 1\n"),
    "keys of a file": ("conf.yaml:lr", "lr: 1\nother: 2\n"),
    "of json": ("conf.json", '{"lr": 1}'),
    "of toml": ("conf.toml", "lr = 1\n"),
}


@pytest.mark.parametrize("case", VARS)
def test_files_of_vars_are_settable_and_recorded(stranger: Make, case: str) -> None:
    named, content = VARS[case]
    team = stranger(
        {
            named.partition(":")[0]: content,
            ".gitignore": "/model.pkl\n",
            "dvc.yaml": f"""
vars: ['{named}']
stages:
  train:
    cmd: echo train >> $RAN; echo ${{lr}} > model.pkl; echo "{{\\"score\\":${{lr}}}}" > m.json
    deps: [code.sh]
    outs: [model.pkl]
    metrics: [m.json: {{cache: false}}]
""",
        }
    )
    ended = team.run("--set", "lr=3")
    assert ended.metrics["score"] == 3, ended.text
    assert params_of(team, ended.status["mlflow"]["runID"])["lr"] == "3"


CHANGES: dict[str, dict[str, str | None]] = {
    "renamed": {"conf/a.yaml": None, "conf/b.yaml": "lr: 2\n"},
    "dropped": {"conf/a.yaml": None},
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_parameter_file_that_goes_ends_no_later_run(stranger: Make, case: str) -> None:
    def pipeline(params: str) -> str:
        return f"""
stages:
  train:
    cmd: echo train >> $RAN; echo 1 > model.pkl; echo "{{\\"score\\":1}}" > m.json
    deps: [code.sh]
    {params}
    outs: [model.pkl]
    metrics: [m.json: {{cache: false}}]
"""

    team = stranger(
        {
            "conf/a.yaml": "lr: 1\n",
            ".gitignore": "/model.pkl\n",
            "dvc.yaml": pipeline("params: [conf/a.yaml: [lr]]"),
        }
    )
    assert team.run().reason == "Trained"
    new = "params: [conf/b.yaml: [lr]]" if case == "renamed" else ""
    team.edit({**CHANGES[case], "dvc.yaml": pipeline(new)})
    for _ in range(2):
        ended = team.run()
        assert ended.code == 0, ended.text


def params_of(team: Stranger, run_id: str) -> dict[str, str]:
    from mlflow import MlflowClient

    store = Path(team.project, ".retrain", "mlflow", "mlflow.db")
    return dict(MlflowClient(f"sqlite:///{store}").get_run(run_id).data.params)


def test_only_parameters_that_the_plan_names_are_recorded(stranger: Make) -> None:
    team = stranger(
        {
            "params.yaml": "a: {lr: 1}\nb: {lr: 2}\nseed: 3\n",
            ".gitignore": "/*.pkl\n",
            "dvc.yaml": """
stages:
  a:
    cmd: echo 1 > a.pkl; echo "{\\"score\\":1}" > a.json
    params: [a.lr]
    outs: [a.pkl]
    metrics: [a.json: {cache: false}]
  b:
    cmd: echo 1 > b.pkl
    params: [b.lr]
    outs: [b.pkl]
""",
        },
        dvc={"targets": ["a"]},
        model=model(artifact="a.pkl"),
    )
    ended = team.run()
    assert params_of(team, ended.status["mlflow"]["runID"]) == {"a.lr": "1", "seed": "3"}
    assert json.dumps(ended.metrics) == '{"score": 1.0}'
