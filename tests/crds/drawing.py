"""Values drawn from a CRD's schema: what it accepts, CEL rules aside."""

import re
from typing import Any

from hypothesis import strategies as st

from crds.files import Schema

BIG = 1e300
"""Beyond it Go and Python write the same number differently."""
FEW = 3
"""Members of a list or a map: where the limit is, is looked at without drawing."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TELLING = st.sampled_from(
    [
        *("https://h/p", "git@h:p", "https://u:p@h/p", "ssh://git@h/p", "s3://b", "main", "a..b"),
        *("..", "a/../b", "/a", "-x", ".", "a\nb", "latest", "v1", "champion", "challenger"),
        *("retrain.dev/x", "x/y", "workspace", "/data", "/tmp/x", "/a//b", "/opt", "RETRAIN_X"),
        *("http://h/p", "check", "ä", "\u00a0", "1Gi", "HOME"),
    ]
)
"""Texts that rules are about."""
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | TEXT,
    lambda inner: st.lists(inner, max_size=FEW) | st.dictionaries(TEXT, inner, max_size=FEW),
    max_leaves=4,
)


def values(schema: Schema) -> st.SearchStrategy[Any]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return ANY
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(0, 2**31) | _texts(schema)
    match schema["type"]:
        case "object" if "properties" in schema:
            return _objects(schema)
        case "object":
            return st.dictionaries(
                TELLING | TEXT, values(schema["additionalProperties"]), max_size=FEW
            )
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(values(schema["items"]), min_size=least, max_size=FEW)
        case "string":
            return _texts(schema)
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "number":
            least, open_ = schema.get("minimum", -BIG), schema.get("exclusiveMinimum", False)
            return st.floats(least, schema.get("maximum", BIG), exclude_min=open_)
    return st.booleans()


def _objects(schema: Schema) -> st.SearchStrategy[Any]:
    required = schema.get("required", ())
    fields = {name: values(field) for name, field in schema["properties"].items()}
    return st.fixed_dictionaries(
        {name: fields[name] for name in required},
        optional={name: drawn for name, drawn in fields.items() if name not in required},
    )


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    least, most = schema.get("minLength", 0), schema["maxLength"]
    pattern = schema.get("pattern")
    drawn = TELLING | TEXT
    if pattern is not None:
        anchored = pattern.replace("$", r"\Z")
        drawn = st.from_regex(anchored) | TELLING.filter(lambda text: _found(anchored, text))
    return drawn.filter(lambda text: least <= len(text) <= most)


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None
