"""What a stage sees: each dependency whole, by content, in each run alike."""

from collections.abc import Callable

import pytest

from .conftest import Stranger, model

Make = Callable[..., Stranger]

PARTS = {
    "params.yaml": "a: {k: 1}\nb: {k: 1}\nc: {k: 1}\n",
    ".gitignore": "/parts\n/model.pkl\n",
    "dvc.yaml": """
stages:
  part:
    foreach: [a, b, c]
    do:
      cmd: echo part@${item} >> $RAN; mkdir -p parts; yes ${${item}.k} | head -5 > parts/${item}.txt
      params: ["${item}.k"]
      outs: ["parts/${item}.txt"]
  train:
    cmd: >-
      echo train >> $RAN; cat parts/* > model.pkl;
      echo "{\\"score\\":$(wc -l < model.pkl)}" > m.json
    deps: [parts]
    outs: [model.pkl]
    metrics: [m.json: {cache: false}]
""".replace("${${item}.k}", "$(sed -n /^${item}/p params.yaml | tr -dc 0-9)"),
}


def test_a_folder_that_several_stages_make_up_is_whole_when_only_one_of_them_ran(
    stranger: Make,
) -> None:
    team = stranger(PARTS)
    assert team.run().metrics["score"] == 15
    again = team.run("--set", "a.k=2")
    assert again.ran == ["part@a", "train"]
    assert again.metrics["score"] == 15
    assert team.made("model.pkl").split().count("2") == 5


def test_a_folder_that_git_and_dvc_share_is_whole(stranger: Make) -> None:
    team = stranger(
        {
            "data/notes.txt": "of git\n",
            "params.yaml": "k: 1\n",
            "data/.gitignore": "/made.txt\n",
            ".gitignore": "/model.pkl\n",
            "dvc.yaml": """
stages:
  make:
    cmd: echo make >> $RAN; echo of dvc > data/made.txt
    deps: [code.sh]
    outs: [data/made.txt]
  train:
    cmd: >-
      echo train >> $RAN; cat data/*.txt > model.pkl;
      echo "{\\"score\\":$(wc -l < model.pkl)}" > m.json
    deps: [data]
    params: [k]
    outs: [model.pkl]
    metrics: [m.json: {cache: false}]
""",
        }
    )
    assert team.run().metrics["score"] == 2
    assert team.run("--set", "k=2").metrics["score"] == 2


def test_a_file_that_a_stage_reads_without_saying_so_is_there_in_each_run(stranger: Make) -> None:
    team = stranger(
        {
            "params.yaml": "w: 1\n",
            ".gitignore": "/x.txt\n/vocabulary.txt\n/model.pkl\n",
            "dvc.yaml": """
stages:
  prepare:
    cmd: echo prepare >> $RAN; echo x > x.txt; echo words > vocabulary.txt
    deps: [code.sh]
    outs: [x.txt, vocabulary.txt]
  train:
    cmd: >-
      echo train >> $RAN; cat x.txt vocabulary.txt > model.pkl;
      echo "{\\"score\\":$(wc -l < model.pkl)}" > m.json
    deps: [x.txt]
    params: [w]
    outs: [model.pkl]
    metrics: [m.json: {cache: false}]
""",
        }
    )
    assert team.run().metrics["score"] == 2
    again = team.run("--set", "w=2")
    assert again.ran == ["train"]
    assert again.metrics["score"] == 2


def test_what_a_stage_leaves_beside_its_outputs_is_there_in_the_next_run(stranger: Make) -> None:
    team = stranger(
        {
            "params.yaml": "w: 1\n",
            ".gitignore": "/x.txt\n/model.pkl\n",
            "dvc.yaml": """
stages:
  prepare:
    cmd: echo prepare >> $RAN; echo x > x.txt; echo words > loose.txt
    deps: [code.sh]
    outs: [x.txt]
  train:
    cmd: >-
      echo train >> $RAN; cat x.txt loose.txt > model.pkl;
      echo "{\\"score\\":$(wc -l < model.pkl)}" > m.json
    deps: [x.txt]
    params: [w]
    outs: [model.pkl]
    metrics: [m.json: {cache: false}]
""",
        }
    )
    first = team.run()
    assert first.metrics["score"] == 2
    assert "stage prepare wrote loose.txt, which its outs do not name" in first.text
    again = team.run("--set", "w=2")
    assert (again.ran, again.metrics["score"]) == (["train"], 2)
    assert "loose.txt" not in again.text


def test_what_a_stage_keeps_from_run_to_run_is_there_when_it_runs_again(stranger: Make) -> None:
    team = stranger(
        {
            "params.yaml": "epochs: 1\n",
            ".gitignore": "/state.pkl\n",
            "dvc.yaml": """
stages:
  train:
    cmd: >-
      echo train >> $RAN; n=$(cat state.pkl 2>/dev/null || echo 0);
      echo $((n + $(tr -dc 0-9 < params.yaml))) > state.pkl;
      echo "{\\"score\\":$(cat state.pkl)}" > m.json
    params: [epochs]
    outs: [state.pkl: {persist: true}]
    metrics: [m.json: {cache: false}]
""",
        },
        model=model(artifact="state.pkl"),
    )
    assert team.run().metrics["score"] == 1
    assert team.run("--set", "epochs=2").metrics["score"] == 3
    unchanged = team.run("--set", "epochs=2")
    assert (unchanged.ran, unchanged.metrics["score"]) == ([], 3)


def test_what_a_stage_keeps_goes_on_from_its_newest_state_though_an_older_is_committed(
    stranger: Make,
) -> None:
    team = stranger(
        {
            "params.yaml": "k: 1\n",
            ".gitignore": "/*.txt\n/model.pkl\n",
            "dvc.yaml": """
stages:
  train:
    cmd: tr -dc 0-9 < params.yaml >> kept.txt; cp kept.txt model.pkl
    params: [k]
    outs: [model.pkl, kept.txt: {persist: true}]
""",
        },
        model=model(metric=None),
    )
    team.laptop.dvc("repro")
    team.laptop.commit()
    for k, wanted in ((2, "12"), (3, "123"), (1, "1231")):
        team.run("--set", f"k={k}")
        assert team.made("model.pkl") == wanted


def test_a_profile_is_taken_of_a_file_inside_a_folder_output(stranger: Make) -> None:
    team = stranger(
        {
            ".gitignore": "/data\n/model.pkl\n",
            "eval.txt": "1\n",
            "dvc.yaml": """
stages:
  prepare:
    cmd: mkdir -p data; printf 'a,b\\n1,2\\n3,4\\n' > data/train.csv; echo x > data/other.txt
    deps: [code.sh]
    outs: [data]
  train:
    cmd: >-
      echo train >> $RAN; cp data/train.csv model.pkl;
      echo "{\\"score\\":$(cat eval.txt)}" > m.json
    deps: [data, eval.txt]
    outs: [model.pkl]
    metrics: [m.json: {cache: false}]
""",
        },
        model=model(profile={"path": "data/train.csv"}),
    )
    assert team.run().reason == "Trained"
    team.edit({"eval.txt": "2\n"})
    again = team.run()
    assert (again.reason, again.states["prepare"]) == ("Trained", "Unchanged")


MISSING: dict[str, tuple[dict[str, str | None], str]] = {
    "no file": ({"params.yaml": None}, "stage train reads lr from params.yaml, which is not in"),
    "no key": ({"params.yaml": "rate: 1\n"}, "stage train reads lr, which params.yaml does not"),
    "no file of vars": ({"dvc.yaml": "vars: [gone.yaml]\nstages: {}\n"}, "gone.yaml"),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_missing_parameter_is_told_before_the_first_stage(stranger: Make, case: str) -> None:
    team = stranger(
        {
            "params.yaml": "lr: 1\n",
            ".gitignore": "/model.pkl\n",
            "dvc.yaml": """
stages:
  first:
    cmd: echo first >> $RAN; echo 1 > first.txt
    deps: [code.sh]
    outs: [first.txt]
  train:
    cmd: echo train >> $RAN; echo 1 > model.pkl; echo "{\\"score\\":1}" > m.json
    deps: [first.txt]
    params: [lr]
    outs: [model.pkl]
    metrics: [m.json: {cache: false}]
""",
        }
    )
    changes, told = MISSING[case]
    team.edit(changes)
    ended = team.run()
    assert (ended.reason, ended.ran) == ("InvalidPipeline", [])
    assert told in ended.text
