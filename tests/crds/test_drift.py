"""The CRDs in the repository and the models say the same of every field."""

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crds.drawing import values
from crds.files import (
    KINDS,
    RUN_IN_SCHEDULE,
    Schema,
    at,
    nodes,
    root_schema,
    rules,
)
from retrain_core.crd.status import RetrainScheduleStatus, TrainingRunStatus
from retrain_core.spec import RetrainScheduleSpec, TrainingRunSpec
from retrain_core.spec.retrain_schedule import RunMetadata

MODELS: dict[tuple[str, str], type[BaseModel]] = {
    ("TrainingRun", ".spec"): TrainingRunSpec,
    ("TrainingRun", ".status"): TrainingRunStatus,
    ("RetrainSchedule", ".spec"): RetrainScheduleSpec,
    ("RetrainSchedule", ".status"): RetrainScheduleStatus,
}
POD = (".spec.pod", f"{RUN_IN_SCHEDULE}.pod", ".spec.check.resources")
"""Kubernetes' own fields, which have no model."""


def model_fields(model: type[BaseModel], path: str) -> Iterator[tuple[str, str, bool, Any]]:
    """Path, owner's path, whether it is required, and the type without None, of every field."""
    for name, field in model.model_fields.items():
        where = f"{path}.{field.alias or name}"
        yield where, path, field.is_required(), without_none(field.annotation)
        below, inner = inside(without_none(field.annotation))
        if inner is not None:
            yield from model_fields(inner, where + below)


def without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (types.UnionType, typing.Union):
        (annotation,) = (a for a in get_args(annotation) if a is not type(None))
    while get_origin(annotation) is typing.Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def inside(annotation: Any) -> tuple[str, type[BaseModel] | None]:
    """The model that ``annotation`` holds, and how the path goes on to it."""
    if get_origin(annotation) is list:
        below, model = inside(without_none(get_args(annotation)[0]))
        return f"[]{below}", model
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "", annotation
    return "", None


def kind_of(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal or annotation.__name__ in ("str", "datetime"):
        return "string"
    if origin in (list, dict):
        return {list: "array", dict: "object"}[origin]
    names = {"int": "integer", "float": "number", "bool": "boolean"}
    return names.get(annotation.__name__, "object")


def beyond(schema: Schema) -> Iterator[Any]:
    """Values that ``schema`` is to refuse, one for each limit it has."""
    if "enum" in schema:
        yield "Other"
    elif "maxLength" in schema:
        yield "a" * (schema["maxLength"] + 1)
    if schema.get("minLength"):
        yield ""
    if "pattern" in schema:
        yield "\n"
    if "minimum" in schema:
        yield schema["minimum"] - (0 if schema.get("exclusiveMinimum") else 1)
    if "maximum" in schema:
        yield schema["maximum"] + 1
    if "maxItems" in schema:
        yield [None] * (schema["maxItems"] + 1)
    if schema.get("minItems"):
        yield []
    if "maxProperties" in schema:
        yield {f"k{n}": "v" for n in range(schema["maxProperties"] + 1)}
    if "type" in schema:
        yield {"object": [], "array": {}, "string": 1}.get(schema["type"], "text")


def spec_with(kind: str, path: str, value: Any) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """A spec of ``kind`` that has ``value`` at ``path``, and that place as the model tells it."""
    parts = path.removeprefix(".spec.").replace("[]", ".[]").split(".")
    steps: dict[str, Any] = {"[]": 0, "*": "key"}
    place = [steps.get(part, part) for part in parts]
    spec: dict[str, Any] = {}
    here: Any = spec
    for part, after in zip(place, [*place[1:], None], strict=True):
        below: Any = value if after is None else [] if after == 0 else {}
        if part == 0:
            here.append(below)
        else:
            here[part] = below
        here = below
    return spec, tuple(place)


def details(model: type[BaseModel], value: Any) -> list[ErrorDetails]:
    """What ``model`` says against ``value``; nothing if it accepts it."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        return error.errors()
    return []


CASES = [(kind, *field) for (kind, path), m in MODELS.items() for field in model_fields(m, path)]


@pytest.mark.parametrize(("kind", "root"), MODELS, ids="".join)
def test_the_crd_has_the_model_s_fields_and_no_others(kind: str, root: str) -> None:
    in_model = {path for path, *_ in model_fields(MODELS[kind, root], root)}
    in_crd = {
        path
        for path, _ in nodes(at(kind, root), root)
        if not path.endswith(("[]", ".*"))
        and path != root
        and not any(path.startswith(f"{pod}.") for pod in POD)
    }
    assert in_crd == in_model


@pytest.mark.parametrize(("kind", "path", "owner", "required", "annotation"), CASES)
def test_type_choices_and_need_of_a_field_are_the_model_s(
    kind: str, path: str, owner: str, required: bool, annotation: Any
) -> None:
    schema = at(kind, path)
    assert schema["type"] == kind_of(annotation)
    assert schema.get("enum") == (
        list(get_args(annotation)) if get_origin(annotation) is Literal else None
    )
    assert (path.rsplit(".", 1)[1] in at(kind, owner).get("required", [])) == required


BEYOND = [
    (kind, path, value)
    for kind in KINDS
    for path, schema in nodes(root_schema(kind))
    if path.startswith(".spec.") and not any(f"{path}.".startswith(f"{pod}.") for pod in POD)
    for value in beyond(schema)
]


@pytest.mark.parametrize(("kind", "path", "value"), BEYOND, ids=lambda value: str(value)[:60])
def test_a_value_beyond_a_limit_of_the_crd_is_beyond_the_model_s(
    kind: str, path: str, value: Any
) -> None:
    spec, place = spec_with(kind, path, value)
    refused = [detail["loc"] for detail in details(MODELS[kind, ".spec"], spec)]
    assert any(location[: len(place)] == place for location in refused)


SENTENCES = {message for kind in KINDS for _, message in rules(kind)}


def unexplained(model: type[BaseModel], value: Any) -> list[ErrorDetails]:
    """Refusals of ``value`` that neither a CEL rule nor a list map's keys explain."""
    return [detail for detail in details(model, value) if not explained(detail)]


def explained(detail: ErrorDetails) -> bool:
    message = detail["msg"].removeprefix("Value error, ")
    if detail["loc"][-1:] == ("[key]",) and detail["type"].startswith("string_too"):
        return any(sentence.startswith("keys have from") for sentence in SENTENCES)
    return bool({message, f"keys: {message}"} & SENTENCES) or "may be used once" in message


DRAWING = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def without(schema: Schema, field: str) -> Schema:
    kept = {name: inner for name, inner in schema["properties"].items() if name != field}
    required = [name for name in schema.get("required", ()) if name != field]
    return {**schema, "properties": kept, "required": required}


@DRAWING
@given(st.data())
@pytest.mark.parametrize("field", sorted(at("TrainingRun", ".spec")["properties"]))
def test_what_the_crd_accepts_of_a_run_the_model_accepts_or_refuses_as_a_rule_does(
    field: str, data: st.DataObject
) -> None:
    if field == "pod":
        part = data.draw(st.sampled_from(sorted(at("TrainingRun", ".spec.pod")["properties"])))
        value = {part: data.draw(values(at("TrainingRun", f".spec.pod.{part}")))}
    else:
        value = data.draw(values(at("TrainingRun", f".spec.{field}")))
    spec = {"source": {"image": {"path": "/app"}}, field: value}
    assert unexplained(TrainingRunSpec, spec) == []


@DRAWING
@given(values(without(at("RetrainSchedule", ".spec"), "runTemplate")))
def test_what_the_crd_accepts_of_a_schedule_the_model_accepts_or_refuses_as_a_rule_does(
    spec: dict[str, Any],
) -> None:
    template = {"spec": {"source": {"image": {"path": "/app"}}}}
    assert unexplained(RetrainScheduleSpec, {**spec, "runTemplate": template}) == []


@DRAWING
@given(values(at("RetrainSchedule", ".spec.runTemplate.metadata")))
def test_what_the_crd_accepts_of_a_run_s_metadata_the_model_accepts_or_refuses_as_a_rule_does(
    metadata: dict[str, Any],
) -> None:
    assert unexplained(RunMetadata, metadata) == []


def test_a_schedule_holds_the_spec_of_a_run_as_it_is() -> None:
    run, in_schedule = at("TrainingRun", ".spec"), at("RetrainSchedule", RUN_IN_SCHEDULE)
    assert in_schedule["properties"] == run["properties"]
    assert in_schedule["required"] == run["required"]
