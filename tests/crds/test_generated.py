"""What is generated says the same in each copy, and examples are valid."""

import re
from pathlib import Path

import pytest
import yaml

from crds.files import CHART, CRDS, ROOT, load
from retrain_core.spec.manifest import parse_retrain_schedule, parse_training_run

SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))
MANIFESTS = [
    *(path for path in SAMPLES if path.name != "kustomization.yaml"),
    *sorted((ROOT / "examples").glob("*/trainingrun.yaml")),
    *sorted((ROOT / "examples").glob("*/retrainschedule.yaml")),
]
WRAPPED = re.compile(
    r"\{\{- if \.Values\.crds\.enabled \}\}\n(?P<head>.*?)"
    r"  \{\{- if \.Values\.crds\.keep \}\}\n"
    r"  annotations:\n    helm\.sh/resource-policy: keep\n"
    r"  \{\{- end \}\}\n(?P<rest>.*)\{\{- end \}\}\n",
    re.DOTALL,
)


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.name)
def test_the_chart_s_copy_differs_by_its_wrapping_alone(path: Path) -> None:
    wrapped = WRAPPED.fullmatch((CHART / path.name).read_text())
    assert wrapped is not None
    unescaped = (wrapped["head"] + wrapped["rest"]).replace('{{ "{{" }}', "{{")
    assert unescaped == path.read_text()


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.name)
def test_nothing_else_in_the_chart_s_copy_is_a_template(path: Path) -> None:
    text = (CHART / path.name).read_text().replace('{{ "{{" }}', "")
    assert text.count("{{") == 4


def test_the_chart_has_a_copy_of_each_and_nothing_more() -> None:
    assert sorted(path.name for path in CHART.iterdir()) == [path.name for path in CRDS]


def test_kustomize_takes_each_definition() -> None:
    listed = load(ROOT / "crds/kustomization.yaml")["resources"]
    assert sorted(listed) == [path.name for path in CRDS]


def test_kustomize_takes_each_sample() -> None:
    listed = load(ROOT / "manifests/samples/kustomization.yaml")["resources"]
    assert sorted([*listed, "kustomization.yaml"]) == [path.name for path in SAMPLES]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_samples_and_examples_are_valid(path: Path) -> None:
    text = path.read_text()
    if yaml.safe_load(text)["kind"] == "TrainingRun":
        assert parse_training_run(text).metadata.name
    else:
        assert parse_retrain_schedule(text).metadata.name


def test_the_full_sample_has_every_field_but_those_that_exclude_each_other() -> None:
    (text,) = (path.read_text() for path in SAMPLES if path.name == "trainingrun-full.yaml")
    run = parse_training_run(text).spec
    assert run.model_fields_set == set(type(run).model_fields)
    for part in (run.dvc, run.mlflow, run.model, run.smoke):
        assert part is not None
        assert part.model_fields_set == set(type(part).model_fields)
