"""`retrain render` prints what the operator would create."""

import json
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from cli.conftest import Laptop
from retrain_core.build.job import Owner, TrainerSettings, build_job
from retrain_core.defaults import effective_spec
from retrain_core.outcome import OUTCOMES, Reason
from support.toy import toy_spec

IMAGE = "registry.example.com/trainer:1"
TRACKING = {"mlflow": {"trackingURI": "https://mlflow.example.com"}}
INVALID_SPEC = OUTCOMES[Reason.INVALID_SPEC].exit_code


def render(laptop: Laptop, *arguments: str) -> dict[str, Any]:
    done = laptop.retrain("render", "-f", "trainingrun.yaml", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def test_it_is_the_operator_s_job_but_for_the_owner(laptop: Laptop) -> None:
    laptop.write(toy_spec(**TRACKING))
    owner = Owner("toy", "team", "0a")
    spec = effective_spec(toy_spec(**TRACKING), {})
    expected = build_job(owner, spec, TrainerSettings(IMAGE))
    del expected["metadata"]["ownerReferences"]
    assert render(laptop, "--trainer-image", IMAGE, "-n", "team") == expected
    kubernetes_validate.validate(expected, "1.37.0", strict=True)


def test_the_image_is_by_default_that_of_this_version(laptop: Laptop) -> None:
    laptop.write(toy_spec(**TRACKING))
    (container,) = render(laptop)["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("ghcr.io/retrain-dev/retrain-trainer:")


def test_the_operator_s_defaults_stand_under_the_manifest(laptop: Laptop) -> None:
    (laptop.project / "defaults.yaml").write_text(yaml.safe_dump({**TRACKING, "retries": 7}))
    assert render(laptop, "--defaults", "defaults.yaml")["spec"]["backoffLimit"] == 7
    laptop.write(toy_spec(retries=1))
    assert render(laptop, "--defaults", "defaults.yaml")["spec"]["backoffLimit"] == 1


def test_nothing_stands_in_it_by_reference(laptop: Laptop) -> None:
    laptop.write(toy_spec(**TRACKING))
    done = laptop.retrain("render", "-f", "trainingrun.yaml")
    assert "&id" not in done.stdout
    as_json = laptop.retrain("render", "-f", "trainingrun.yaml", "-o", "json")
    assert json.loads(as_json.stdout) == yaml.safe_load(done.stdout)


@pytest.mark.parametrize(
    ("spec", "defaults", "said"),
    [
        (toy_spec(), None, "spec.mlflow.trackingURI: is not set"),
        (toy_spec(mlflow={"trackingURI": "sqlite:///x.db"}), None, "ends with the pod"),
        (toy_spec(retires=1), None, "spec.retires: unknown field"),
        (toy_spec(), "retires: 1", "defaults.yaml: defaults.retires"),
        (toy_spec(), "source: {}", "defaults.yaml: defaults.source: is each run's own"),
        (toy_spec(), "- 1", "must be a part of a TrainingRun's spec"),
        (toy_spec(), "a: [", "defaults.yaml: "),
    ],
)
def test_what_the_operator_would_refuse_is_told(
    laptop: Laptop, spec: dict[str, Any], defaults: str | None, said: str
) -> None:
    laptop.write(spec)
    arguments = []
    if defaults is not None:
        (laptop.project / "defaults.yaml").write_text(defaults)
        arguments = ["--defaults", "defaults.yaml"]
    done = laptop.retrain("render", "-f", "trainingrun.yaml", *arguments)
    assert (done.returncode, done.stdout) == (INVALID_SPEC, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


SCHEDULE = """\
apiVersion: retrain.dev/v1alpha1
kind: RetrainSchedule
metadata: {name: toy}
spec:
  runTemplate:
    spec:
      source: {git: {url: "https://git.example.com/toy.git"}}
      mlflow: {trackingURI: "http://mlflow:5000"}
  triggers:
  - {name: weekly, cron: {schedule: "0 0 * * 1"}}
  - {name: daily, cron: {schedule: "0 5 * * *"}}
  - {name: release, release: {tagPattern: "v*"}}
"""


def test_of_a_schedule_it_prints_the_cronjobs(laptop: Laptop) -> None:
    (laptop.project / "schedule.yaml").write_text(SCHEDULE)
    done = laptop.retrain("render", "-f", "schedule.yaml", "-n", "team")
    assert done.returncode == 0, done.stderr
    made = [*yaml.safe_load_all(done.stdout)]
    assert [(item["kind"], item["metadata"]["name"]) for item in made] == [
        ("CronJob", "toy-weekly"),
        ("CronJob", "toy-daily"),
        ("CronJob", "toy-check"),
    ]
    assert {item["metadata"]["namespace"] for item in made} == {"team"}
    as_json = laptop.retrain("render", "-f", "schedule.yaml", "-n", "team", "-o", "json")
    assert json.loads(as_json.stdout)["items"] == made


def test_a_schedule_that_cannot_be_run_is_refused_with_the_field(laptop: Laptop) -> None:
    (laptop.project / "schedule.yaml").write_text(
        SCHEDULE.replace('mlflow: {trackingURI: "http://mlflow:5000"}', "")
    )
    done = laptop.retrain("render", "-f", "schedule.yaml")
    assert done.returncode == 10
    assert "spec.runTemplate.spec.mlflow.trackingURI: is not set" in done.stderr
