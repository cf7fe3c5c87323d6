"""From the text of a manifest to a checked object, with errors a person can act on."""

import difflib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from retrain_core.spec.base import API_VERSION, Name, SpecModel
from retrain_core.spec.retrain_schedule import (
    CHECK,
    MAX_SCHEDULE_AND_TRIGGER,
    RetrainScheduleSpec,
)
from retrain_core.spec.rules import Rule
from retrain_core.spec.training_run import TrainingRunSpec

GeneratedName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*)$", max_length=58)]


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a manifest: the field's path, what is wrong, and the line if known."""

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class ManifestError(ValueError):
    """The manifest cannot be used; ``problems`` says why, in the order of the file."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class Metadata(SpecModel, extra="allow"):
    name: Name | None = None
    generate_name: GeneratedName | None = None
    namespace: Name | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @model_validator(mode="after")
    def _named(self) -> "Metadata":
        if not (self.name or self.generate_name):
            raise ValueError("needs name or generateName")
        return self


class TrainingRun(SpecModel):
    """One training of a model: from a commit, data and parameters to a recorded version of it."""

    api_version: Annotated[Literal["retrain.dev/v1alpha1"], Field(alias="apiVersion")]
    kind: Literal["TrainingRun"]
    metadata: Metadata
    spec: TrainingRunSpec
    status: Annotated[Any, Field(exclude=True)] = None


def _fits(schedule: "RetrainSchedule", *names: str) -> bool:
    name = schedule.metadata.name or f"{schedule.metadata.generate_name}xxxxx"
    return all(len(name) + len(other) <= MAX_SCHEDULE_AND_TRIGGER for other in names)


class RetrainSchedule(SpecModel):
    """When a model is trained again, and what a training is made from."""

    RULES = (
        Rule(
            "self.spec.triggers.all(trigger, self.metadata.name.size() + trigger.name.size()"
            f" <= {MAX_SCHEDULE_AND_TRIGGER})",
            "schedule and trigger name together must not exceed"
            f" {MAX_SCHEDULE_AND_TRIGGER} characters",
            lambda schedule: _fits(schedule, *(each.name for each in schedule.spec.triggers)),
        ),
        Rule(
            "self.spec.triggers.all(trigger, has(trigger.cron)) || self.metadata.name.size()"
            f" <= {MAX_SCHEDULE_AND_TRIGGER - len(CHECK)}",
            f"schedule and {CHECK} together must not exceed {MAX_SCHEDULE_AND_TRIGGER} characters:"
            f" <schedule>-{CHECK} looks at triggers that are no clock",
            lambda schedule: (
                all(trigger.cron for trigger in schedule.spec.triggers) or _fits(schedule, CHECK)
            ),
        ),
    )

    api_version: Annotated[Literal["retrain.dev/v1alpha1"], Field(alias="apiVersion")]
    kind: Literal["RetrainSchedule"]
    metadata: Metadata
    spec: RetrainScheduleSpec
    status: Annotated[Any, Field(exclude=True)] = None


KINDS: dict[str, type[TrainingRun] | type[RetrainSchedule]] = {
    "TrainingRun": TrainingRun,
    "RetrainSchedule": RetrainSchedule,
}


def parse_training_run(text: str) -> TrainingRun:
    """The only TrainingRun among the YAML documents of ``text``.

    Raises:
        ManifestError: broken YAML, none or several TrainingRuns, or a field that is wrong.
    """
    found = parse_kind(text, TrainingRun)
    assert isinstance(found, TrainingRun)
    return found


def parse_retrain_schedule(text: str) -> RetrainSchedule:
    """The only RetrainSchedule among the YAML documents of ``text``.

    Raises:
        ManifestError: as :func:`parse_training_run`.
    """
    found = parse_kind(text, RetrainSchedule)
    assert isinstance(found, RetrainSchedule)
    return found


def parse_kind(
    text: str, model: type[TrainingRun] | type[RetrainSchedule]
) -> TrainingRun | RetrainSchedule:
    """The only object of one kind among the YAML documents of ``text``."""
    kind = model.__name__
    documents = [(node, value) for node, value in _documents(text) if _kind(value) == kind]
    if len(documents) != 1:
        kinds = ", ".join(str(_kind(value)) for _, value in _documents(text)) or "nothing"
        count = "no" if not documents else f"{len(documents)} objects of"
        raise ManifestError(
            Problem("", f"{count} kind {kind} in {API_VERSION} where one is needed: found {kinds}")
        )
    node, value = documents[0]
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ManifestError(*(_problem(node, detail, model) for detail in error.errors())) from None


class _Loader(yaml.SafeLoader):
    """Reads what `kubectl apply` would: dates are texts, and no key stands twice."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"the key {key.value} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)


def _documents(text: str) -> list[tuple[yaml.Node, Any]]:
    try:
        loader = _Loader(text)
        nodes = []
        while loader.check_node():
            if (node := loader.get_node()) is not None:
                nodes.append(node)
        return [(node, loader.construct_document(node)) for node in nodes]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error)
        raise ManifestError(
            Problem("", f"broken YAML: {what}", mark.line + 1 if mark else None)
        ) from None


def _kind(value: Any) -> Any:
    return value.get("kind") if isinstance(value, dict) else None


def _problem(node: yaml.Node, detail: ErrorDetails, model: type[SpecModel]) -> Problem:
    path = _path(detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = "unknown field" + _suggestion(path, model)
    elif detail["type"] == "missing":
        message = "is required"
    return Problem(_dotted(path), message, _line(node, path))


def _path(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The path as it stands in the file."""
    path = tuple(part for part in location if part != "[key]")
    for place, part in enumerate(path):
        if part == "params" and path[place - 1] in ("dvc", "smoke"):
            # Within a value of any kind pydantic names the kind before each key.
            value = place + 2
            return path[:value] + path[value + 1 :: 2]
    return path


def _suggestion(path: tuple[int | str, ...], model: type[SpecModel]) -> str:
    names = _fields_at(path[:-1], model)
    close = difflib.get_close_matches(str(path[-1]), names, 1)
    if close:
        return f": did you mean {close[0]}?"
    return f": expected one of {', '.join(sorted(names))}" if names else ""


def _fields_at(path: tuple[int | str, ...], model: type[SpecModel]) -> list[str]:
    schema = model.model_json_schema(by_alias=True)
    here: Any = schema
    for part in path:
        here = here.get("items") if isinstance(part, int) else here.get("properties", {}).get(part)
        here = _resolved(schema, here or {})
    return list(here.get("properties", {}))


def _resolved(root: Any, schema: Any) -> Any:
    for option in (schema, *schema.get("anyOf", ())):
        if reference := option.get("$ref"):
            return root["$defs"][reference.rsplit("/", 1)[1]]
    return schema


def _dotted(path: tuple[int | str, ...]) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text


def _line(node: yaml.Node, path: tuple[int | str, ...]) -> int:
    """The line, from 1, of the deepest node of ``path`` that the text has."""
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            match = [(k, v) for k, v in node.value if k.value == part]
            if not match:
                break
            line, node = match[0][0].start_mark.line + 1, match[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
