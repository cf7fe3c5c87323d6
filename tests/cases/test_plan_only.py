"""Only what the plan's stages make in this state is this model's."""

from collections.abc import Callable

from .conftest import Stranger, model

Make = Callable[..., Stranger]

ONE = """
stages:
  train:
    cmd: echo train >> $RAN; echo 1 > model.pkl; echo "{\\"score\\":1}" > m.json
    deps: [code.sh]
    outs: [model.pkl]
    metrics: [m.json: {cache: false}]
"""


def test_a_neighbours_pipeline_does_not_matter(stranger: Make) -> None:
    team = stranger(
        {
            "a/dvc.yaml": ONE.replace("code.sh", "../code.sh"),
            "b/dvc.yaml": ONE.replace("code.sh", "../code.sh"),
            ".gitignore": "model.pkl\n",
            "a/trainingrun.yaml": "",
        }
    )
    team.laptop.project = team.project / "a"
    team.laptop.write(team.spec)
    team.laptop.project = team.project
    ended = run_in(team, "a")
    assert ended.metrics == {"score": 1}, ended.text
    team.edit({"b/m.json": '{"score": 9, "other": 1}\n'})
    ended = run_in(team, "a")
    assert (ended.reason, ended.metrics) == ("UpToDate", {"score": 1})


def run_in(team: Stranger, folder: str):  # type: ignore[no-untyped-def]
    return team.run("--source", folder)


def test_metrics_of_a_frozen_stage_and_of_stages_outside_the_targets_do_not_count(
    stranger: Make,
) -> None:
    team = stranger(
        {
            ".gitignore": "/*.pkl\n",
            "old.json": '{"old": 1}\n',
            "dvc.yaml": """
stages:
  old:
    cmd: echo old >> $RAN; echo "{\\"old\\":2}" > old.json
    frozen: true
    deps: [code.sh]
    metrics: [old.json: {cache: false}]
  train:
    cmd: echo train >> $RAN; echo 1 > model.pkl; echo "{\\"score\\":1}" > m.json
    deps: [code.sh]
    outs: [model.pkl]
    metrics: [m.json: {cache: false}]
  aside:
    cmd: echo aside >> $RAN; echo "{\\"aside\\":1}" > aside.json
    deps: [code.sh]
    metrics: [aside.json: {cache: false}]
""",
        },
        dvc={"targets": ["old", "train"]},
    )
    ended = team.run()
    assert (ended.ran, ended.metrics) == (["train"], {"score": 1}), ended.text


LOOSE = {
    "params.yaml": "w: 2\n",
    ".gitignore": "/model.pkl\n",
    "dvc.yaml": """
metrics: [live/metrics.json]
stages:
  train:
    cmd: >-
      echo train >> $RAN; mkdir -p live; cp params.yaml model.pkl;
      echo "{\\"score\\":$(tr -dc 0-9 < params.yaml)}" > live/metrics.json
    params: [w]
    outs: [model.pkl]
""",
}


def test_a_metrics_file_that_is_no_output_is_of_the_run_whose_stage_wrote_it(
    stranger: Make,
) -> None:
    team = stranger(LOOSE | {"live/metrics.json": '{"score": 99}\n'})
    assert team.run("--set", "w=3").metrics == {"score": 3}
    assert team.run().metrics == {"score": 2}
    restored = team.run("--set", "w=3")
    assert (restored.ran, restored.metrics) == ([], {"score": 3})


def test_metrics_that_were_committed_with_dvc_lock_are_of_its_state(stranger: Make) -> None:
    team = stranger(LOOSE)
    team.laptop.dvc("repro")
    team.laptop.commit()
    kept = team.run()
    assert (kept.ran, kept.metrics) == ([], {"score": 2}), kept.text
    assert team.run("--set", "w=3").metrics == {"score": 3}
    back = team.run()
    assert (back.ran, back.metrics) == ([], {"score": 2})


def test_what_a_stage_writes_with_a_dvc_yaml_of_its_own_as_dvclive_does_is_of_the_run(
    stranger: Make,
) -> None:
    team = stranger(
        {
            "params.yaml": "w: 2\n",
            ".gitignore": "/model.pkl\n",
            "dvc.yaml": LOOSE["dvc.yaml"]
            .replace("metrics: [live/metrics.json]\n", "")
            .replace(
                "mkdir -p live;", "mkdir -p live; echo 'metrics: [metrics.json]' > live/dvc.yaml;"
            ),
        }
    )
    assert team.run("--set", "w=3").metrics == {"score": 3}
    unchanged = team.run("--set", "w=3")
    assert (unchanged.reason, unchanged.metrics) == ("UpToDate", {"score": 3})
    assert team.run().metrics == {"score": 2}
    restored = team.run("--set", "w=3")
    assert (restored.ran, restored.metrics) == ([], {"score": 3})


def test_parameters_that_a_stage_writes_for_people_as_dvclive_does_come_back_with_its_result(
    stranger: Make,
) -> None:
    team = stranger(
        LOOSE
        | {
            "dvc.yaml": LOOSE["dvc.yaml"]
            .replace("metrics:", "params: [params.yaml, live/params.yaml]\nmetrics:", 1)
            .replace("mkdir -p live;", "mkdir -p live; cp params.yaml live/params.yaml;")
        }
    )
    first = team.run("--set", "w=3")
    assert "do not name" not in first.text
    assert team.run().metrics == {"score": 2}
    restored = team.run("--set", "w=3")
    assert (restored.ran, restored.metrics) == ([], {"score": 3})
    assert team.made("live/params.yaml") == "w: 3\n"


def test_a_metrics_file_inside_a_folder_output_is_of_the_run(stranger: Make) -> None:
    team = stranger(
        {
            "params.yaml": "w: 2\n",
            ".gitignore": "/model.pkl\n/live\n",
            "dvc.yaml": LOOSE["dvc.yaml"].replace("[model.pkl]", "[model.pkl, live]"),
        }
    )
    assert team.run("--set", "w=3").metrics == {"score": 3}
    assert team.run().metrics == {"score": 2}
    restored = team.run("--set", "w=3")
    assert (restored.ran, restored.metrics) == ([], {"score": 3})


def test_a_metrics_file_that_no_stage_of_the_plan_has_written_is_no_metric(stranger: Make) -> None:
    team = stranger(
        LOOSE
        | {
            "live/metrics.json": '{"score": 99}\n',
            "dvc.yaml": LOOSE["dvc.yaml"].replace("> live/metrics.json", "> /dev/null"),
        }
    )
    ended = team.run()
    assert ended.reason == "MetricNotFound"
    assert "live/metrics.json counts only when a stage of this run writes it" in ended.text
    assert ended.metrics == {}


def test_the_model_may_be_data_that_git_does_not_track_but_not_a_neighbours(
    stranger: Make,
) -> None:
    team = stranger(
        {
            "dvc.yaml": ONE
            + """
  other:
    cmd: echo other >> $RAN; echo 1 > other.pkl
    deps: [code.sh]
    outs: [other.pkl]
""",
            ".gitignore": "/*.pkl\n",
        },
        dvc={"targets": ["train"]},
        model=model(artifact="other.pkl"),
    )
    ended = team.run()
    assert (ended.reason, ended.ran) == ("InvalidSpec", [])
