"""The part of a pod that a run may set, checked against Kubernetes' own schema.

`make generate` writes that schema into pod_schema.json beside this file; it is read when a
manifest first has a `pod`.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from retrain_core import names
from retrain_core.spec.rules import LABEL_KEYS, Rule, keys_without, matching, with_rules, without

OWN_FOLDERS = (
    names.WORKSPACE,
    names.TEMPORARY_FOLDER,
    names.SPEC_FOLDER,
    names.TRAINER_FOLDER,
    names.SECRETS_FOLDER,
    # /var/run leads to /run.
    "/run/secrets/retrain.dev",
)
"""Where nothing of the user's is mounted: not there, not below, and not over it."""


def _leaves_own_folders(path: str) -> bool:
    return not any(
        f"{path}/".startswith(f"{own}/") or f"{own}/".startswith(f"{path}/") for own in OWN_FOLDERS
    )


def _mounts_own_volumes(pod: dict[str, Any]) -> bool:
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    return all(mount["name"] in volumes for mount in pod.get("volumeMounts", ()))


_FOLDERS = ", ".join(f"'{folder}'" for folder in OWN_FOLDERS)
_VOLUMES = ", ".join(f"'{volume}'" for volume in names.VOLUMES)
_NOT_RESERVED = keys_without(
    r"^([a-z0-9.-]+\.)?retrain\.dev/|^batch\.kubernetes\.io/|^kueue\.x-k8s\.io/queue-name$"
    r"|^app\.kubernetes\.io/(name|managed-by)$|^(controller-uid|job-name)$"
    r"|^container\.apparmor\.security\.beta\.kubernetes\.io/",
    "keys under retrain.dev/ and batch.kubernetes.io/, app.kubernetes.io/name and managed-by,"
    " and Kueue's queue are set by Retrain and by the Job (the queue: spec.queueName);"
    " AppArmor's are not allowed",
)

RULES: dict[str, tuple[Rule, ...]] = {
    "": (
        Rule(
            "!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes)"
            " && self.volumes.exists(volume, volume.name == mount.name))",
            "volumeMounts: each must name one of volumes",
            _mounts_own_volumes,
        ),
    ),
    "env[].name": (
        without(
            f"^{names.RESERVED_VARIABLES}",
            f"names that start with {names.RESERVED_VARIABLES} are set by Retrain alone",
        ),
    ),
    "volumes[].name": (
        Rule(
            f"!(self in [{_VOLUMES}])",
            f"{_VOLUMES} are volumes of Retrain's own: choose another name",
            lambda name: name not in names.VOLUMES,
        ),
    ),
    "volumeMounts[].mountPath": (
        matching(r"^/", "must be an absolute path"),
        without(
            r"//|/\.\.?(/|$)|/$|[:\x00-\x1f\x7f]",
            "must be in its plainest form: without '//', '.', '..', ':' and a '/' at the end",
        ),
        Rule(
            f"[{_FOLDERS}].all(own, !(self + '/').startsWith(own + '/')"
            " && !(own + '/').startsWith(self + '/'))",
            f"{_FOLDERS} are Retrain's own: mount neither there nor below nor over them",
            _leaves_own_folders,
        ),
    ),
    "labels": (LABEL_KEYS, _NOT_RESERVED),
    "annotations": (LABEL_KEYS, _NOT_RESERVED),
}
"""By the place in `pod`; items of a list are `[]`."""

Schema = dict[str, Any]


@lru_cache
def pod_schema() -> Schema:
    """The structural schema of `pod`, rules included. Nobody changes what this returns."""
    text = files(__package__).joinpath("pod_schema.json").read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    schema["description"] = "The pod that trains: fields of Kubernetes' own, an allowlist of them."
    for path, rules in RULES.items():
        place = schema
        for part in _parts(path):
            place = place["items"] if part == "[]" else place["properties"][part]
        place.update(with_rules(place, list(rules)))
    return schema


def _parts(path: str) -> Iterator[str]:
    for part in filter(None, path.split(".")):
        yield part.removesuffix("[]")
        if part.endswith("[]"):
            yield "[]"


class PodField:
    """In ``Annotated[dict, ...]``: `pod`, or one field of it where a schema says the same."""

    def __init__(self, field: str = "") -> None:
        self.field = field

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: _validator(self.field).validate_python(value)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return dict(_schema_of(self.field))


def _schema_of(field: str) -> Schema:
    schema = pod_schema()
    return schema["properties"][field] if field else schema


@lru_cache
def _validator(field: str) -> SchemaValidator:
    return SchemaValidator(_checks(_schema_of(field), field), core_schema.CoreConfig(strict=True))


def _checks(schema: Schema, path: str) -> CoreSchema:
    checks = _type_checks(schema, path)
    for rule in RULES.get(path, ()):
        checks = core_schema.no_info_after_validator_function(rule.checked, checks)
    return checks


def _type_checks(schema: Schema, path: str) -> CoreSchema:
    if schema.get("x-kubernetes-int-or-string"):
        return _quantity(schema)
    match schema["type"]:
        case "object" if "properties" in schema:
            return _object(schema, path)
        case "object":
            values = _checks(schema["additionalProperties"], f"{path}.*")
            text = core_schema.str_schema()
            return core_schema.dict_schema(text, values, max_length=schema["maxProperties"])
        case "array":
            return _list(schema, path)
        case "string" if "enum" in schema:
            return core_schema.literal_schema(schema["enum"])
        case "string":
            return _text(schema)
        case "integer":
            return core_schema.int_schema(ge=schema["minimum"], le=schema["maximum"])
        case _:
            return core_schema.bool_schema()


def _object(schema: Schema, path: str) -> CoreSchema:
    required = schema.get("required", ())
    fields = {
        name: core_schema.typed_dict_field(
            _checks(field, f"{path}.{name}" if path else name), required=name in required
        )
        for name, field in schema["properties"].items()
    }
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid")


def _list(schema: Schema, path: str) -> CoreSchema:
    checks = core_schema.list_schema(
        _checks(schema["items"], f"{path}[]"), max_length=schema["maxItems"]
    )
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys is None:
        return checks

    def unique(items: list[Any]) -> list[Any]:
        found = [tuple(item.get(key) for key in keys) for item in items]
        if len(set(found)) != len(found):
            raise ValueError(f"each {' with '.join(keys)} may be used once")
        return items

    return core_schema.no_info_after_validator_function(unique, checks)


def _text(schema: Schema) -> CoreSchema:
    return core_schema.str_schema(
        min_length=schema.get("minLength"),
        max_length=schema["maxLength"],
        pattern=schema.get("pattern"),
    )


def _quantity(schema: Schema) -> CoreSchema:
    return core_schema.union_schema(
        [core_schema.int_schema(), _text(schema)],
        custom_error_type="quantity",
        custom_error_message="must be a quantity such as 2, 500m or 16Gi",
    )
