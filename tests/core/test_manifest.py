"""From the text of a manifest to a checked object, or to an error a person can act on."""

from pathlib import Path

import pytest
import yaml

from core.manifests import RUN, SCHEDULE, run_with, schedule_with
from retrain_core.spec.manifest import (
    ManifestError,
    Problem,
    parse_retrain_schedule,
    parse_training_run,
)

EXAMPLES = Path(__file__).parents[2] / "examples"


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ManifestError) as caught:
        parse_retrain_schedule(text) if "RetrainSchedule" in text else parse_training_run(text)
    return caught.value.problems


def only_problem(text: str) -> Problem:
    (problem,) = problems(text)
    return problem


def test_a_complete_training_run_is_read_and_written_back_without_loss() -> None:
    run = parse_training_run(RUN)
    written = yaml.safe_load(RUN)
    assert run.spec.to_api() == written["spec"]
    assert run.metadata.to_api() == written["metadata"]


def test_a_complete_schedule_is_read_and_written_back_without_loss() -> None:
    schedule = parse_retrain_schedule(SCHEDULE)
    assert schedule.spec.to_api() == yaml.safe_load(SCHEDULE)["spec"]


def test_what_was_not_said_is_not_written() -> None:
    text = """
apiVersion: retrain.dev/v1alpha1
kind: TrainingRun
metadata: {generateName: iris-}
spec: {source: {image: {path: /app}}}
"""
    assert parse_training_run(text).spec.to_api() == {"source": {"image": {"path": "/app"}}}


def test_a_status_that_came_along_is_dropped() -> None:
    assert "status" not in parse_training_run(RUN).to_api()


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/trainingrun.yaml")), ids=str)
def test_the_example_s_training_run_is_valid(file: Path) -> None:
    assert parse_training_run(file.read_text()).spec.model is not None


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/retrainschedule.yaml")), ids=str)
def test_the_example_s_schedule_trains_what_its_training_run_does(file: Path) -> None:
    schedule = parse_retrain_schedule(file.read_text())
    run = parse_training_run(file.with_name("trainingrun.yaml").read_text())
    assert schedule.spec.run_template.spec == run.spec


def test_the_iris_project_has_both_kinds() -> None:
    assert (EXAMPLES / "iris/trainingrun.yaml").is_file()
    assert (EXAMPLES / "iris/retrainschedule.yaml").is_file()


def test_a_file_may_hold_other_documents_beside_the_one_asked_for() -> None:
    text = f"{RUN}---\n---\nkind: Secret\n---\n{SCHEDULE}---\n- a list\n"
    assert parse_training_run(text).metadata.name == "iris"
    assert parse_retrain_schedule(text).metadata.name == "iris"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no kind TrainingRun in retrain.dev/v1alpha1 where one is needed: found nothing"),
        (SCHEDULE, "found RetrainSchedule"),
        (f"{RUN}---\n{RUN}", "2 objects of kind TrainingRun"),
    ],
)
def test_none_or_two_training_runs_are_refused_and_what_was_found_is_told(
    text: str, message: str
) -> None:
    with pytest.raises(ManifestError, match=message):
        parse_training_run(text)


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("    push: true", "    pusch: true", "spec.dvc.pusch", "did you mean push?"),
        ("      metric: f1", "      metrics: f1", "spec.model.promotion.metrics", "mean metric?"),
        ("  retries: 2", "  retrys: 2", "spec.retrys", "did you mean retries?"),
        ("      endpointURL:", "      endpointUrl:", "spec.dvc.remote.endpointUrl", "endpointURL?"),
        ("  python: {", "  python: {zzz: 1, ", "spec.python.zzz", "expected one of requirements"),
        ("status:", "stat: 1\nstatus:", "stat", "did you mean status?"),
    ],
)
def test_an_unknown_field_is_told_with_its_path_its_line_and_what_may_have_been_meant(
    old: str, new: str, path: str, message: str
) -> None:
    text = RUN.replace(old, new, 1)
    found = problems(text)
    unknown = next(problem for problem in found if problem.path == path)
    word = path.rsplit(".", 1)[-1]
    line = next(n for n, line in enumerate(text.splitlines(), 1) if f"{word}:" in line)
    assert message in unknown.message
    assert unknown.line == line


def test_an_unknown_field_within_a_list_is_told_with_its_place() -> None:
    problem = only_problem(SCHEDULE.replace("minRows", "minRow"))
    assert problem.path == "spec.triggers[3].drift.minRow"
    assert "did you mean minRows?" in problem.message
    assert problem.line == SCHEDULE.splitlines().index("      minRows: 500") + 1


def test_a_missing_field_is_told_with_the_line_of_what_lacks_it() -> None:
    problem = only_problem(RUN.replace("      metric: f1_macro\n", ""))
    line = RUN.splitlines().index("    promotion:") + 1
    assert str(problem) == f"line {line}: spec.model.promotion.metric: is required"


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = RUN.replace("revision: main", "revision: a..b").replace("retries: 2", "retries: 11")
    assert [p.path for p in problems(text)] == ["spec.source.git.revision", "spec.retries"]


def test_a_field_of_another_api_version_is_refused() -> None:
    assert only_problem(RUN.replace("v1alpha1", "v2")).path == "apiVersion"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: b\nc: d: e\n", 2, "mapping values are not allowed here"),
        ("a: [1, 2\n", 2, "expected ',' or ']'"),
        ("a:\n\tb: 1\n", 2, "found character"),
        ("a: *nobody\n", 1, "found undefined alias"),
        ("a: !!python/object:os.system x\n", 1, "could not determine a constructor"),
        ("a: 1\nb: 2\na: 3\n", 3, "the key a stands twice"),
    ],
)
def test_broken_yaml_is_told_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ManifestError, match="broken YAML") as caught:
        parse_training_run(text)
    (problem,) = caught.value.problems
    assert problem.line == line
    assert message in problem.message


@pytest.mark.parametrize(
    "text", ["a: !!int many", f"a: {'9' * 5000}", "[" * 5000, "a: \x07", "{[1]: 2}"]
)
def test_whatever_yaml_cannot_read_is_broken_yaml_and_nothing_else(text: str) -> None:
    with pytest.raises(ManifestError, match="broken YAML"):
        parse_training_run(text)


def test_a_date_is_a_text_as_it_is_for_the_api_server() -> None:
    text = RUN.replace("train.C: 0.5", "train.since: 2026-01-31")
    assert parse_training_run(text).spec.dvc.params["train.since"] == "2026-01-31"


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
@pytest.mark.parametrize(
    ("old", "path"),
    [
        ("minImprovement: 0.01", "spec.model.promotion.minImprovement"),
        ("threshold: 0.8", "spec.model.promotion.threshold"),
        ("train.C: 0.5", "spec.dvc.params.train.C"),
        ("train.max_iter: 5}", "spec.smoke.params.train.max_iter"),
    ],
)
def test_numbers_that_are_none_are_refused_wherever_a_number_is_taken(
    number: str, old: str, path: str
) -> None:
    end = "}" if old.endswith("}") else ""
    found = problems(RUN.replace(old, f"{old.split(':')[0]}: {number}{end}"))
    assert {problem.path for problem in found} == {path}
    assert "finite" in found[0].message


def test_a_number_that_is_none_deep_in_a_parameter_is_told_with_its_place() -> None:
    text = RUN.replace("train.C: 0.5", "train.C: [1,\n      {list: .nan}]")
    problem = only_problem(text)
    assert problem.path == "spec.dvc.params.train.C[1].list"
    assert problem.line == text[: text.index(".nan")].count("\n") + 1


@pytest.mark.parametrize("field", ["triggers.3.drift.threshold", "triggers.4.metric.below"])
def test_numbers_that_are_none_are_refused_in_schedules_too(field: str) -> None:
    problem = only_problem(schedule_with(f"spec.{field}", float("nan")))
    assert problem.path.endswith(field.rsplit(".", 1)[-1])


@pytest.mark.parametrize("value", ["yes", 2.5, "2", -1, 11, None, True])
def test_retries_are_a_whole_number_from_0_to_10(value: object) -> None:
    assert only_problem(run_with("spec.retries", value)).path == "spec.retries"


@pytest.mark.parametrize("value", [0, 10])
def test_retries_at_their_limits_are_accepted(value: int) -> None:
    assert parse_training_run(run_with("spec.retries", value)).spec.retries == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.suspend", "true"),
        ("spec.dvc.push", 1),
        ("spec.timeoutSeconds", "60"),
        ("spec.model.promotion.threshold", "0.8"),
        ("spec.image", 1.2),
        ("spec.dvc.targets", "train"),
        ("metadata.labels.version", 1),
    ],
)
def test_a_value_of_another_type_is_refused_as_the_api_server_would(
    path: str, value: object
) -> None:
    assert only_problem(run_with(path, value)).path == path


def test_a_whole_number_is_a_number() -> None:
    promotion = parse_training_run(run_with("spec.model.promotion.threshold", 1)).spec.model
    assert promotion is not None
    assert promotion.promotion is not None
    assert promotion.promotion.threshold == 1.0
