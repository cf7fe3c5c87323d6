"""What becomes of a stage, as a table; and which names are a model's."""

import pytest

from retrain_trainer.pipeline.freshness import Fate, fate
from retrain_trainer.pipeline.model_file import _called_model, _of_models_format

KNOWN = {"forced": False, "always": False, "done": False, "keyed": True}
RECORD = {"stored": False, "elsewhere": False, "as_recorded": False}
FATES: dict[str, tuple[dict[str, bool], Fate]] = {
    "nothing is known": ({}, Fate.RUN),
    "dvc.lock has it": ({"as_recorded": True}, Fate.KEEP),
    "the store has it": ({"stored": True}, Fate.RESTORE),
    "both have it": ({"stored": True, "as_recorded": True}, Fate.RESTORE),
    "only another environment has it": ({"elsewhere": True, "as_recorded": True}, Fate.RUN),
    "the team has committed another result": (
        {"stored": True, "as_recorded": True, "news": True},
        Fate.KEEP,
    ),
    "the team has committed one of other inputs": ({"stored": True, "news": True}, Fate.RESTORE),
    "it is forced": ({"forced": True, "stored": True, "as_recorded": True}, Fate.RUN),
    "DVC runs it always": ({"always": True, "keyed": False, "as_recorded": True}, Fate.RUN),
    "an attempt has forced it": (
        {"forced": True, "done": True, "as_recorded": True},
        Fate.KEEP,
    ),
    "an attempt has ended it, and its inputs are others": ({"done": True}, Fate.RUN),
    "its newest record fits": ({"keyed": False, "stored": True, "as_recorded": True}, Fate.KEEP),
    "its newest record is of other inputs": ({"keyed": False, "stored": True}, Fate.RUN),
}


@pytest.mark.parametrize("case", FATES)
def test_a_stage_runs_only_if_its_result_is_not_known(case: str) -> None:
    given, wanted = FATES[case]
    assert fate(**{**KNOWN, **RECORD, **given}) is wanted


NAMES: dict[str, tuple[list[str], list[str]]] = {
    "its format": (["out.csv", "clf.joblib", "report.html"], ["clf.joblib"]),
    "its name before its format": (["encoder.pkl", "model.pkl"], ["model.pkl"]),
    "a name with more words": (["train.pkl", "saved/rf_model.pkl"], ["saved/rf_model.pkl"]),
    "a folder": (["data/prepared", "models"], ["models"]),
    "a text that is called so": (["vocabulary.txt", "model.txt"], ["model.txt"]),
    "what only has the word in it": (["model_metrics.csv", "a.onnx"], ["a.onnx"]),
    "two of them": (["a/model.pkl", "b/model.pkl"], ["a/model.pkl", "b/model.pkl"]),
    "none": (["predictions.csv", "heatmap.png"], []),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_model_is_known_by_its_name_or_by_its_format(case: str) -> None:
    paths, wanted = NAMES[case]
    assert (_called_model(paths) or _of_models_format(paths)) == wanted
