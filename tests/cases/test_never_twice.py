"""Nothing that has ended well is trained twice."""

import hashlib
from collections.abc import Callable

from .conftest import Stranger, model

Make = Callable[..., Stranger]

PIPELINE = {
    "params.yaml": "k: 1\n",
    "evaluate.sh": 'echo "{\\"score\\":$(tr -dc 0-9 < params.yaml)}" > m.json\n',
    ".gitignore": "/prepared.txt\n/model.pkl\n",
    "dvc.yaml": """
stages:
  prepare:
    cmd: echo prepare >> $RAN; date +%N > prepared.txt
    deps: [code.sh]
    outs: [prepared.txt]
  train:
    cmd: echo train >> $RAN; cat prepared.txt params.yaml > model.pkl
    deps: [prepared.txt]
    params: [k]
    outs: [model.pkl]
  evaluate:
    cmd: echo evaluate >> $RAN; sh evaluate.sh
    deps: [model.pkl, evaluate.sh]
    metrics: [m.json: {cache: false}]
""",
}


def test_the_run_after_a_failed_one_begins_where_that_ended(stranger: Make) -> None:
    team = stranger(PIPELINE | {"evaluate.sh": "exit 3\n"})
    failed = team.run()
    assert (failed.reason, failed.ran) == ("StageFailed", ["prepare", "train", "evaluate"])
    team.edit({"evaluate.sh": PIPELINE["evaluate.sh"]})
    assert team.run().ran == ["evaluate"]


def test_an_earlier_state_is_restored_and_not_trained(stranger: Make) -> None:
    team = stranger(PIPELINE)
    first = team.run()
    assert team.run("--set", "k=2").ran == ["train", "evaluate"]
    back = team.run()
    assert (back.ran, back.reason) == ([], "UpToDate")
    assert back.model["version"] == first.model["version"] == "1"


def test_a_corrected_name_of_a_metric_costs_no_training(stranger: Make) -> None:
    team = stranger(PIPELINE, model=model(metric="scroe"))
    assert team.run().reason == "MetricNotFound"
    again = team.run()
    assert (again.reason, again.ran) == ("MetricNotFound", [])
    team.respecify(model=model())
    corrected = team.run()
    assert (corrected.ran, corrected.model["promoted"]) == ([], True)


def test_a_committed_lock_whose_outputs_are_lost_is_trained_once(stranger: Make) -> None:
    team = stranger(PIPELINE)
    team.laptop.dvc("repro")
    team.laptop.git("add", "--force", "dvc.lock")
    team.laptop.commit()
    for name in ("prepared.txt", "model.pkl"):
        (team.project / name).unlink()
    team.laptop.git("clean", "-xdfq", ".dvc/cache", "prepared.txt")
    ended = team.run()
    assert ended.ran == ["prepare", "train", "evaluate"]
    for _ in range(2):
        again = team.run()
        assert (again.ran, again.reason) == ([], "UpToDate"), again.text


def test_a_committed_lock_of_another_state_is_left_once_and_then_restored(stranger: Make) -> None:
    team = stranger(PIPELINE)
    team.laptop.dvc("repro")
    team.laptop.git("add", "--force", "dvc.lock")
    team.laptop.commit()
    unchanged = team.run()
    assert (unchanged.ran, unchanged.reason) == ([], "Trained"), unchanged.text
    assert team.run("--set", "k=2").ran == ["train", "evaluate"]
    restored = team.run("--set", "k=2")
    assert (restored.ran, restored.reason) == ([], "UpToDate")
    assert restored.states["train"] == "Restored"


def test_what_is_forced_runs_each_time_and_what_it_makes_alike_is_no_new_version(
    stranger: Make,
) -> None:
    team = stranger(PIPELINE, dvc={"force": ["train"]})
    assert team.run().ran == ["prepare", "train", "evaluate"]
    again = team.run()
    assert (again.ran, again.reason) == (["train"], "Trained")
    assert again.model["version"] == "1"


def test_a_stage_that_dvc_runs_always_runs_and_those_below_only_when_it_makes_something_new(
    stranger: Make,
) -> None:
    team = stranger(
        PIPELINE
        | {
            "dvc.yaml": PIPELINE["dvc.yaml"]
            .replace("date +%N > prepared.txt", "echo 1 > prepared.txt")
            .replace(
                "    outs: [prepared.txt]", "    always_changed: true\n    outs: [prepared.txt]"
            )
        }
    )
    assert team.run().ran == ["prepare", "train", "evaluate"]
    assert team.run().ran == ["prepare"]


def test_a_run_without_a_model_trains_once_too(stranger: Make) -> None:
    team = stranger(PIPELINE, model=None)
    assert team.run().reason == "Trained"
    again = team.run()
    assert (again.reason, again.ran) == ("UpToDate", [])


def test_the_lock_that_a_run_names_is_recorded_with_it_though_no_stage_ran(
    stranger: Make,
) -> None:
    team = stranger(PIPELINE, model=None)
    team.run()
    again = team.run().status
    (lock,) = (team.project / ".retrain").rglob(f"{again['mlflow']['runID']}/**/dvc.lock")
    assert hashlib.md5(lock.read_bytes()).hexdigest() == again["dvc"]["lockMD5"]


def test_what_the_team_has_run_and_committed_since_counts_before_an_older_result(
    stranger: Make,
) -> None:
    pipeline = PIPELINE["dvc.yaml"].replace("    deps: [code.sh]\n", "")
    pipeline = pipeline.replace("cat prepared.txt params.yaml", "date +%N")
    team = stranger(PIPELINE | {"dvc.yaml": pipeline})
    team.laptop.dvc("repro")
    team.laptop.commit()
    assert team.run().ran == []
    for stage in ("prepare", "train", None):
        if stage:
            team.laptop.dvc("repro", "--force", "--single-item", stage)
            team.laptop.dvc("repro")
            team.laptop.commit()
        else:
            team.laptop.git("revert", "--no-edit", "HEAD")
            team.laptop.dvc("checkout")
        ended = team.run()
        assert (ended.ran, ended.reason) == ([], "Trained" if stage else "UpToDate"), ended.text
        for file in ("prepared.txt", "model.pkl"):
            assert team.made(file) == (team.project / file).read_text()
        assert team.run().reason == "UpToDate"


def test_a_stage_without_outputs_runs_once_though_an_older_lock_is_committed(
    stranger: Make,
) -> None:
    team = stranger(
        {
            "params.yaml": "k: 1\n",
            "dvc.yaml": """
stages:
  tell:
    cmd: echo tell >> $RAN
    deps: [code.sh]
    params: [params.yaml: ]
""",
        },
        model=None,
    )
    team.laptop.dvc("repro")
    team.laptop.commit()
    team.edit({"params.yaml": "k: 2\n"})
    assert [team.run().ran for _ in range(3)] == [["tell"], [], []]
    assert team.run("--set", "k=3").ran == ["tell"]


def test_what_python_leaves_in_a_folder_of_code_is_no_change_of_it(stranger: Make) -> None:
    team = stranger(
        {
            "src/lib.py": "VALUE = 1\n",
            "train.py": "import sys; sys.path[0] = 'src'; import lib; open('model.pkl', 'w')\n",
            ".gitignore": "/model.pkl\n__pycache__\n",
            "dvc.yaml": """
stages:
  train:
    cmd: echo train >> $RAN; python train.py
    deps: [src, train.py]
    outs: [model.pkl]
""",
        },
        model=model(metric=None),
    )
    team.laptop.dvc("repro")
    team.laptop.commit()
    team.edit({"src/lib.py": "VALUE = 2\n"})
    assert [team.run().ran for _ in range(3)] == [["train"], [], []]


def test_a_stage_imports_the_bytecode_that_is_installed(stranger: Make) -> None:
    team = stranger(
        {
            "train.py": "import sys; open('model.pkl', 'w').write(str(sys.pycache_prefix))\n",
            "dvc.yaml": """
stages:
  train:
    cmd: python train.py
    deps: [train.py]
    outs: [model.pkl]
""",
        },
        model=model(metric=None),
    )
    assert team.run().reason == "Trained"
    assert team.made("model.pkl") == "None"


def test_alike_stages_in_folders_of_their_own_have_results_of_their_own(stranger: Make) -> None:
    team = stranger(
        {
            "a/conf.txt": "A\n",
            "b/conf.txt": "B\n",
            ".gitignore": "out.txt\n/model.pkl\n",
            "dvc.yaml": """
stages:
  part:
    foreach: [a, b]
    do:
      wdir: ${item}
      cmd: echo part@${item} >> $RAN; cat conf.txt > out.txt
      deps: [../code.sh]
      outs: [out.txt]
  train:
    cmd: cat a/out.txt b/out.txt > model.pkl
    deps: [a/out.txt, b/out.txt]
    outs: [model.pkl]
""",
        },
        model=model(metric=None),
    )
    assert team.run().ran == ["part@a", "part@b"]
    assert team.made("model.pkl") == "A\nB\n"
