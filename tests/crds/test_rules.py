"""Each CEL rule accepts and refuses, with its sentence, as the model does."""

import copy
import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from core.manifests import RUN, SCHEDULE
from crds.cases import CASES, Case
from crds.drawing import values
from crds.files import KINDS, at, rules
from crds.server import Object, Refusal, Server
from retrain_core.spec import RetrainSchedule, TrainingRun, TrainingRunSpec
from retrain_core.spec.base import api_name
from retrain_core.spec.parameter import LEVELS
from retrain_core.spec.rules import CANCELLED_FOR_GOOD, DNS_NAME
from retrain_core.spec.training_run import MUTABLE

MODELS: dict[str, type[BaseModel]] = {
    "TrainingRun": TrainingRun,
    "RetrainSchedule": RetrainSchedule,
}
POD = {
    "env": [{"name": "A", "value": "b"}],
    "volumes": [{"name": "first", "emptyDir": {}}, {"name": "second", "emptyDir": {}}],
    "volumeMounts": [{"name": "second", "mountPath": "/data"}],
}


def complete_run() -> Object:
    run: Object = yaml.safe_load(RUN)
    del run["status"]
    run["metadata"] = {"name": "iris"}
    # Plain http is one of the addresses that are tried.
    del run["spec"]["source"]["git"]["secretRef"]
    run["spec"]["pod"] |= POD
    return run


def complete_schedule() -> Object:
    schedule: Object = yaml.safe_load(SCHEDULE)
    spec = complete_run()["spec"]
    del spec["suspend"], spec["cancel"]
    schedule["spec"]["runTemplate"]["spec"] = spec
    return schedule


COMPLETE = {"TrainingRun": complete_run(), "RetrainSchedule": complete_schedule()}


def with_value(kind: str, path: str, value: Any) -> Object:
    """A complete object of ``kind`` with ``value`` at ``path``: `spec.dvc.update[0]`."""
    made = copy.deepcopy(COMPLETE[kind])
    *parents, last = [
        int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", path)
    ]
    here: Any = made
    for part in parents:
        here = here[part]
    here[last] = copy.deepcopy(value)
    return made


def model_refusals(body: Object) -> set[Refusal]:
    """Why the model refuses ``body``, told as the API server does."""
    try:
        MODELS[body["kind"]].model_validate(body)
    except ValidationError as error:
        return {
            Refusal(_field(detail["loc"]), detail["msg"].removeprefix("Value error, "))
            for detail in error.errors()
        }
    return set()


def _field(location: tuple[int | str, ...]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).lstrip(".")


def says(found: set[Refusal], path: str, message: str) -> bool:
    """Whether one of ``found`` is ``message`` about ``path``, or about a key of it."""
    told = message.removeprefix("keys: ")
    short = "String should have at"
    return any(
        refusal.field.replace("inputs.x", "inputs[x]").startswith(path)
        and (refusal.message.endswith(told) or ("keys have" in told and short in refusal.message))
        for refusal in found
    )


def general(path: str) -> str:
    """`spec.dvc.update[0]` as the path of a schema."""
    return re.sub(r"\[\d+\]", "[]", f".{path}").replace("[x]", ".*")


def test_every_rule_of_both_definitions_is_tried() -> None:
    tried = {(kind, general(case.path), case.message) for kind, case in CASES}
    stated = {
        (kind, path, message)
        for kind in KINDS
        for path, message in rules(kind)
        # Of names and of changes: below.
        if path not in ("", ".spec")
    }
    assert tried == stated


@pytest.mark.parametrize(
    ("kind", "case"), CASES, ids=lambda value: getattr(value, "path", str(value))
)
def test_a_rule_accepts_and_refuses_with_its_sentence(
    server: Server, kind: str, case: Case
) -> None:
    for value in case.good:
        body = with_value(kind, case.path, value)
        assert server.refusals(body) == set()
        assert model_refusals(body) == set()
    for value in case.bad:
        body = with_value(kind, case.path, value)
        for found in (server.refusals(body), model_refusals(body)):
            assert says(found, case.path, case.message), (value, found)


PARAMETERS = {
    "TrainingRun": ("spec.dvc.params", "spec.smoke.params"),
    "RetrainSchedule": ("spec.runTemplate.spec.dvc.params", "spec.runTemplate.spec.smoke.params"),
}
LAYERS = [{"units": 64, "kernel": [3, 3]}, {"units": 8, "kernel": []}]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("levels", "inner"), [(LEVELS + 1, '{"a":0}'), (3_000, "[0]"), (9_990, "[[]]")]
)
def test_a_parameter_is_no_deeper_than_any_reader_can_follow(
    server: Server, kind: str, levels: int, inner: str
) -> None:
    around = levels - inner.count("[") - inner.count("{")
    for path in PARAMETERS[kind]:
        body = json.dumps(with_value(kind, path, {"a": "DEEP"}))
        deep = body.replace('"DEEP"', f"{'[' * around}{inner}{']' * around}")
        told = server.refusals_of_text(kind, deep)
        assert any(
            refusal.field.startswith(path) and "must have at most 0" in refusal.message
            for refusal in told
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_may_be_a_list_of_layers(server: Server, kind: str) -> None:
    for path in PARAMETERS[kind]:
        body = with_value(kind, path, {"layers": LAYERS})
        assert server.refusals(body) == model_refusals(body) == set()


@pytest.mark.parametrize(
    "value", [[[[[1]]]], [{"a": {"b": {"c": 1}}}], ["a" * 4097], [list(range(257))]], ids=str
)
def test_the_model_refuses_the_same_parameters(server: Server, value: Any) -> None:
    body = with_value("TrainingRun", "spec.dvc.params", {"a": value})
    (told,) = model_refusals(body)
    assert told.field == "spec.dvc.params.a"
    assert server.refusals(body) != set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_address_is_not_repeated(server: Server, kind: str) -> None:
    addresses = [(k, c.path) for k, c in CASES if "must not contain credentials" in c.message]
    for path in (path for of, path in addresses if of == kind):
        found = server.refusals(with_value(kind, path, "https://user:canary@host/path"))
        assert "canary" not in str(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.b", f"{'a' * 64}"])
def test_a_name_that_no_label_can_hold_is_refused(server: Server, kind: str, name: str) -> None:
    body = {**COMPLETE[kind], "metadata": {"name": name}}
    assert any(DNS_NAME.message in refusal.message for refusal in server.refusals(body))
    assert {refusal.field for refusal in model_refusals(body)} == {"metadata.name"}


def test_a_run_s_name_may_have_63_characters(server: Server) -> None:
    body = {**COMPLETE["TrainingRun"], "metadata": {"name": "a" * 63}}
    assert server.refusals(body) == set()


def cron(name: str) -> Object:
    return {"name": name, "cron": {"schedule": "0 0 * * 1"}}


LOOKING = {"name": "t", "release": {"tagPattern": "v*"}}
TOGETHER, CHECK = RetrainSchedule.RULES


@pytest.mark.parametrize(
    ("name", "triggers", "rule"),
    [
        ("s" * 50, [cron("t")], None),
        ("s" * 26, [cron("a"), cron("t" * 25)], None),
        ("s" * 46, [LOOKING], None),
        ("s" * 47, [cron("t")], None),
        ("s" * 51, [cron("t")], TOGETHER),
        ("s" * 26, [cron("a"), cron("t" * 26)], TOGETHER),
        ("s" * 47, [LOOKING], CHECK),
        ("s" * 47, [cron("a"), LOOKING], CHECK),
    ],
)
def test_the_names_of_a_schedule_and_its_triggers_fit_a_cronjob(
    server: Server, name: str, triggers: list[Object], rule: Any
) -> None:
    body = with_value("RetrainSchedule", "spec.triggers", triggers)
    body["metadata"] = {"name": name}
    for found in (server.refusals(body), model_refusals(body)):
        told = {refusal.message.removeprefix("Invalid value: ") for refusal in found}
        assert told == ({rule.message} if rule else set())


def test_two_triggers_of_one_name_are_refused(server: Server) -> None:
    body = with_value("RetrainSchedule", "spec.triggers", [cron("t"), cron("t")])
    (refusal,) = server.refusals(body)
    assert "Duplicate value" in refusal.message
    assert "may be used once" in str(model_refusals(body))


IMMUTABLE = [api_name(field) for field in TrainingRunSpec.model_fields if field not in MUTABLE]
ONLY = (
    "only suspend, cancel and ttlSecondsAfterFinished of a TrainingRun can be changed:"
    " make a new TrainingRun for everything else"
)


@pytest.fixture(scope="session")
def runs(server: Server) -> Server:
    """A server that has a run with every field and one with none but its source."""
    complete = complete_run()
    server.create({**complete, "metadata": {"name": "complete"}})
    source = {"source": complete["spec"]["source"]}
    server.create({**complete, "metadata": {"name": "bare"}, "spec": source})
    return server


@pytest.mark.parametrize("field", [field for field in IMMUTABLE if field != "source"])
def test_an_immutable_field_neither_comes_nor_goes(runs: Server, field: str) -> None:
    value = complete_run()["spec"][field]
    for name, change in (("complete", None), ("bare", value)):
        (refusal,) = runs.patch_refusals("TrainingRun", name, {field: change})
        assert (refusal.field, ONLY in refusal.message) == ("spec", True)


@pytest.mark.parametrize(
    "change",
    [
        {"source": {"git": {"revision": "other"}}},
        {"source": {"git": {"secretRef": {"name": "s"}}}},
        {"image": "other"},
        {"python": {"requirements": "other.txt"}},
        {"dvc": {"params": {"train.C": 0.6}}},
        {"dvc": {"params": {"train.C": None}}},
        {"dvc": {"params": {"train.classes": ["a", "c"]}}},
        {"dvc": {"params": {"new": {"deep": [1]}}}},
        {"mlflow": {"tags": {"team": "other"}}},
        {"model": {"promotion": {"threshold": 0.9}}},
        {"smoke": {"params": {"train.max_iter": 6}}},
        {"pod": {"env": [{"name": "A", "value": "c"}]}},
        {"pod": {"resources": {"limits": {"memory": "2Gi"}}}},
        {"queueName": "other"},
        {"retries": 3},
        {"timeoutSeconds": 1},
        {"startTimeoutSeconds": 1},
        {"suspend": True, "retries": 3},
    ],
    ids=str,
)
def test_a_patch_of_an_immutable_field_is_refused_with_what_to_do(
    runs: Server, change: Object
) -> None:
    (refusal,) = runs.patch_refusals("TrainingRun", "complete", change)
    assert refusal.field == "spec"
    assert refusal.message.endswith(ONLY)


def test_the_same_again_is_no_change(runs: Server) -> None:
    spec = complete_run()["spec"]
    # In a merge patch it would take the parameter away.
    del spec["dvc"]["params"]["train.name"]
    assert runs.patch_refusals("TrainingRun", "complete", spec) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"suspend": True},
        {"suspend": None},
        {"cancel": True},
        {"ttlSecondsAfterFinished": 0},
        {"ttlSecondsAfterFinished": None},
        {"suspend": True, "cancel": True, "ttlSecondsAfterFinished": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["complete", "bare"])
def test_what_is_mutable_can_be_changed(runs: Server, name: str, change: Object) -> None:
    assert runs.patch_refusals("TrainingRun", name, change) == set()


@pytest.mark.parametrize("change", [{"cancel": False}, {"cancel": None}], ids=str)
def test_a_cancelled_run_stays_cancelled(server: Server, change: Object) -> None:
    run = complete_run()
    run["spec"]["cancel"] = True
    name = server.create({**run, "metadata": {"generateName": "cancelled-"}})["metadata"]["name"]
    (refusal,) = server.patch_refusals("TrainingRun", name, change)
    assert refusal.message.endswith(CANCELLED_FOR_GOOD.message)
    assert server.patch_refusals("TrainingRun", name, {"cancel": True, "suspend": True}) == set()


def test_a_schedule_can_be_changed_in_every_field(server: Server) -> None:
    schedule = complete_schedule()
    server.create({**schedule, "metadata": {"name": "changing"}})
    change = {
        "runTemplate": {"spec": {"image": "other", "retries": 3, "model": None}},
        "triggers": [cron("other")],
        "suspend": True,
    }
    assert server.patch_refusals("RetrainSchedule", "changing", change) == set()


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.data())
@pytest.mark.parametrize("field", sorted(at("TrainingRun", ".spec")["properties"]))
def test_server_and_model_agree_on_what_nobody_thought_of(
    server: Server, field: str, data: st.DataObject
) -> None:
    body = with_value(
        "TrainingRun", f"spec.{field}", data.draw(values(at("TrainingRun", f".spec.{field}")))
    )
    assert bool(server.refusals(body)) == bool(model_refusals(body))
