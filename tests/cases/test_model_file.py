"""Which file is the model: never guessed from the order of stages, and to be corrected."""

from collections.abc import Callable

import pytest

from .conftest import Stranger, model

Make = Callable[..., Stranger]


def pipeline(train: str, evaluate: str = "[]", more: str = "") -> dict[str, str]:
    """Two stages: `train` writes the outputs ``train``, and `evaluate` those of ``evaluate``."""
    writes = "for f in {0}; do mkdir -p $(dirname $f); echo $f > $f; done"
    clean = [text.strip("[]").replace(",", " ") for text in (train, evaluate)]
    return {
        ".gitignore": "*.pkl\n*.joblib\n*.txt\n*.csv\n*.html\n*.png\n/models\n",
        "dvc.yaml": f"""
stages:
  train:
    cmd: echo train >> $RAN; {writes.format(clean[0])}
    deps: [code.sh]
    outs: {train}
  evaluate:
    cmd: echo evaluate >> $RAN; {writes.format(clean[1])}; echo "{{\\"score\\":1}}" > m.json
    deps: {train}
    outs: {evaluate}
    metrics: [m.json: {{cache: false}}]
{more}""",
    }


CLEAR = {
    "a file of a model's format beside others": ("[model.pkl, vocabulary.txt]", "[out.csv]"),
    "a report after the model": ("[clf.joblib]", "[report.html, heatmap.png]"),
    "called a model, beside other pickles": ("[model.pkl, encoder.pkl]", "[predictions.csv]"),
}
UNCLEAR = {
    "two of one kind": ("[a.pkl, b.pkl]", "[]", "a.pkl, b.pkl"),
    "none of a kind": ("[a.txt, b.csv]", "[c.html]", "a.txt, b.csv, c.html"),
}


@pytest.mark.parametrize("case", CLEAR)
def test_the_only_output_that_is_of_a_models_kind_is_the_model(stranger: Make, case: str) -> None:
    team = stranger(pipeline(*CLEAR[case]))
    ended = team.run()
    assert ended.reason == "Trained", ended.text
    assert registered(team) == [CLEAR[case][0].strip("[]").split(",")[0]]


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_model_that_is_not_clear_is_asked_for_before_the_training(
    stranger: Make, case: str
) -> None:
    train, evaluate, candidates = UNCLEAR[case]
    ended = stranger(pipeline(train, evaluate)).run()
    assert (ended.reason, ended.ran) == ("ModelAmbiguous", [])
    assert f"candidates: {candidates}" in ended.text


def test_data_that_a_stage_trains_on_are_no_model_whatever_their_format(stranger: Make) -> None:
    files = pipeline("[features.pkl]", "[net]")
    ended = stranger(files).run()
    assert (ended.reason, ended.ran) == ("ModelAmbiguous", [])
    assert "candidates: features.pkl, net" in ended.text


def test_an_artifact_inside_a_folder_output_is_the_model(stranger: Make) -> None:
    more = """
artifacts:
  classifier: {path: models/best.pkl, type: model}
"""
    files = pipeline("[models]", "[report.html]", more)
    files["dvc.yaml"] = files["dvc.yaml"].replace(
        "for f in models; do mkdir -p $(dirname $f); echo $f > $f; done",
        "mkdir -p models; echo best > models/best.pkl; echo last > models/last.pkl",
    )
    team = stranger(files)
    assert team.run().reason == "Trained"
    assert registered(team) == ["best.pkl"]
    team.respecify(model=model(artifact="classifier"))
    assert team.run().reason == "UpToDate"
    team.respecify(model=model(artifact="models/last.pkl"))
    other = team.run()
    assert (other.reason, other.ran, other.model["promoted"]) == ("Trained", [], True), other.text
    assert registered(team) == ["last.pkl"]


def test_a_wrong_file_is_corrected_by_naming_the_right_one_and_the_champion_moves(
    stranger: Make,
) -> None:
    team = stranger(pipeline("[model.pkl, vocabulary.txt]"), model=model(artifact="vocabulary.txt"))
    assert team.run().model["promoted"] is True
    team.respecify(model=model(artifact="model.pkl"))
    corrected = team.run()
    assert (corrected.reason, corrected.ran) == ("Trained", [])
    assert (corrected.model["version"], corrected.model["promoted"]) == ("2", True), corrected.text
    assert registered(team) == ["model.pkl"]


def registered(team: Stranger) -> list[str]:
    """The files of the champion."""
    from mlflow import MlflowClient
    from mlflow.artifacts import list_artifacts

    uri = f"sqlite:///{team.project}/.retrain/mlflow/mlflow.db"
    client = MlflowClient(uri, registry_uri=uri)
    version = client.get_model_version_by_alias("m", "champion")
    place = client.get_model_version_download_uri("m", version.version)
    found = list_artifacts(artifact_uri=place, tracking_uri=uri)
    return sorted(item.path.rsplit("/", 1)[-1] for item in found)
