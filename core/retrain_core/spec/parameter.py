"""The value of a parameter: JSON of any kind, of a few levels and so many entries.

A CRD knows no type that is one of several, so each limit is stated for the kind of value that it
is about; the API server refuses what goes deeper before it stores it.
"""

from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

LEVELS = 3
"""Lists and maps within each other: a list of layers, each a map with a list for its kernel."""
MAX_ENTRIES = 256
"""Of one list or one map."""
MAX_TEXT = 4096


class _Bounded:
    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # Before the rest, which would follow the value all the way down.
        return no_info_before_validator_function(_checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _schema(LEVELS)


ParameterValue = Annotated[JsonValue, _Bounded()]


def _checked(value: Any, levels: int = LEVELS) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValueError(f"a text must not be longer than {MAX_TEXT} characters")
    if isinstance(value, list | dict):
        if value and levels == 0:
            raise ValueError(f"must not be nested deeper than {LEVELS} levels")
        if len(value) > MAX_ENTRIES:
            raise ValueError(f"a list or a map must not have more than {MAX_ENTRIES} entries")
        for entry in value.values() if isinstance(value, dict) else value:
            _checked(entry, levels - 1)
    return value


def _schema(levels: int) -> dict[str, Any]:
    entries = MAX_ENTRIES if levels else 0
    limits = {"maxLength": MAX_TEXT, "maxItems": entries, "maxProperties": entries}
    if not levels:
        return limits
    below = _schema(levels - 1)
    return {**limits, "items": below, "additionalProperties": below}
