"""From a model's JSON schema to the structural schema that a CRD takes.

References are resolved, `null` and what pydantic says to Python alone is dropped, bounds on the
keys of a map become CEL rules, and defaults are told in the description: the API server fills in
none, so that the operator's defaults can still apply to what a manifest leaves open.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from retrain_core.spec.rules import UNSEEN, VALIDATIONS

Schema = dict[str, Any]

ANY = {"nullable": True, "x-kubernetes-preserve-unknown-fields": True}
"""A value of any kind, as those of parameters; `null` too, which else is dropped."""

_KEPT = (
    *("description", "type", "format", "enum", "pattern", "minLength", "maxLength", "minimum"),
    *("maximum", "minItems", "maxItems", "maxProperties", VALIDATIONS, "required"),
)
_KUBERNETES = "x-kubernetes-"


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of ``model``, with the names of the API."""
    schema = model.model_json_schema(by_alias=True)
    return _Structural(schema.get("$defs", {})).of(schema)


class _Structural:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self.definitions = definitions

    def of(self, schema: Schema) -> Schema:
        schema = self._resolved(schema)
        if not schema.keys() & {"type", "enum", "const", "x-kubernetes-int-or-string"}:
            return self._any(schema)
        made = {key: schema[key] for key in _KEPT if key in schema}
        made |= {key: value for key, value in schema.items() if key.startswith(_KUBERNETES)}
        if "const" in schema:
            made["enum"] = [schema["const"]]
        if "enum" in made:
            made["type"] = "string"
        if made.get("type") == "integer":
            made.setdefault("format", "int32")
        if "exclusiveMinimum" in schema:
            made |= {"minimum": schema["exclusiveMinimum"], "exclusiveMinimum": True}
        if "description" in made:
            made["description"] = _described(made["description"], schema.get("default"))
        return made | self._content(schema)

    def _any(self, schema: Schema) -> Schema:
        """What may be of any kind, with the limits for each kind."""
        limits = {key: schema[key] for key in _KEPT if key in schema and key != "description"}
        below: Schema = {
            key: self.of(schema[key]) for key in ("items", "additionalProperties") if key in schema
        }
        return {**limits, **ANY, **below}

    def _content(self, schema: Schema) -> Schema:
        if "properties" in schema:
            return self._object(schema)
        if "items" in schema:
            return {"items": self.of(schema["items"])}
        if schema.get("type") == "object":
            return self._map(schema)
        return {}

    def _object(self, schema: Schema) -> Schema:
        properties = {name: self.of(field) for name, field in schema["properties"].items()}
        rules = [*schema.get(VALIDATIONS, ()), *_lifted(properties)]
        return {**({VALIDATIONS: rules} if rules else {}), "properties": properties}

    def _map(self, schema: Schema) -> Schema:
        values = self.of(schema["additionalProperties"])
        made: Schema = {"additionalProperties": values}
        # CEL sees no map of values of any kind.
        if (keys := schema.get("propertyNames")) and not ANY.items() <= values.items():
            made[VALIDATIONS] = [*_key_rules(keys), *schema.get(VALIDATIONS, [])]
        return made

    def _resolved(self, schema: Schema) -> Schema:
        """``schema`` without reference and without `null`; what it says itself goes first."""
        options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
        if len(options) == 1:
            here = {key: value for key, value in schema.items() if key != "anyOf"}
            return self._resolved({**options[0], **here})
        if (reference := schema.get("$ref")) is None:
            return schema
        here = {key: value for key, value in schema.items() if key != "$ref"}
        return self._resolved({**self.definitions[reference.rsplit("/", 1)[1]], **here})


def _lifted(properties: dict[str, Schema]) -> Iterator[dict[str, str]]:
    """Takes the rules on values that must not be repeated off the fields, for their parent."""
    for name, field in properties.items():
        for rule in [rule for rule in field.get(VALIDATIONS, ()) if UNSEEN in rule]:
            field[VALIDATIONS] = [other for other in field[VALIDATIONS] if other is not rule]
            yield {
                "rule": f"!has(self.{name}) || {_about(f'self.{name}', rule['rule'])}",
                "message": rule["message"],
                "fieldPath": f".{name}",
            }
        if field.get(VALIDATIONS) == []:
            del field[VALIDATIONS]


def _key_rules(keys: Schema) -> list[dict[str, str]]:
    shortest, longest = keys.get("minLength", 0), keys["maxLength"]
    size = {
        "rule": f"self.all(key, key.size() >= {shortest} && key.size() <= {longest})",
        "message": f"keys have from {shortest} to {longest} characters",
    }
    rules = [
        {
            "rule": f"self.all(key, {_about('key', rule['rule'])})",
            "message": f"keys: {rule['message']}",
        }
        for rule in keys.get(VALIDATIONS, ())
    ]
    return [size, *rules]


def _about(value: str, rule: str) -> str:
    """``rule`` about ``value`` in place of `self`."""
    about = re.sub(r"\bself\b", value, rule)
    return f"({about})"


def _described(text: str, default: Any) -> str:
    text = " ".join(text.split())
    if default in (None, "", [], {}) or isinstance(default, dict) or "Default:" in text:
        return text
    told = str(default).lower() if isinstance(default, bool) else default
    return f"{text} Default: `{told}`."
