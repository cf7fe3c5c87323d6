"""What the API server, `kubectl explain` and client-side apply need of a schema."""

import json

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from crds.files import CRDS, KINDS, RUN_IN_SCHEDULE, VALIDATIONS, Schema, crd, nodes, root_schema

MAX_ANNOTATION = 256 * 1024
"""What client-side apply may write into its annotation; the API server counts all of them."""

NUMBERS = {
    f"{run}.model.promotion.{field}"
    for run in (".spec", RUN_IN_SCHEDULE)
    for field in ("minImprovement", "threshold")
} | {
    *(".spec.triggers[].drift.threshold", ".spec.triggers[].drift.minShare"),
    *(".spec.triggers[].metric.above", ".spec.triggers[].metric.below"),
    # How long a stage took: nobody compares it.
    ".status.stages[].seconds",
}
"""Thresholds, and nothing else, are numbers with a fraction."""

TYPES = {"object", "array", "string", "integer", "boolean", "number"}
LIMITS = {
    "string": ("maxLength",),
    "array": ("maxItems", "items"),
    "integer": ("format", "minimum", "maximum"),
}
ALLOWED = {
    *("description", "type", "format", "enum", "pattern", "minLength", "maxLength", "minimum"),
    *("maximum", "exclusiveMinimum", "minItems", "maxItems", "maxProperties", "required"),
    *("properties", "items", "additionalProperties", "nullable", VALIDATIONS),
    *("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"),
}
EVERYTHING = [(kind, *node) for kind in KINDS for node in nodes(root_schema(kind))]


def of_any_kind(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))


def failing(check: object) -> list[str]:
    assert callable(check)
    return [f"{kind}{path}" for kind, path, schema in EVERYTHING if not check(path, schema)]


def test_there_is_a_file_for_each_kind() -> None:
    assert [path.name for path in CRDS] == [f"{kind.lower()}s.retrain.dev.yaml" for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_kubernetes_own_schema_accepts_the_definition(kind: str) -> None:
    kubernetes_validate.validate(crd(kind), "1.37", strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_client_side_apply_can_annotate_the_definition(kind: str) -> None:
    assert len(json.dumps(crd(kind), separators=(",", ":")).encode()) < MAX_ANNOTATION


def test_every_value_has_a_type() -> None:
    def typed(path: str, schema: Schema) -> bool:
        int_or_string = schema.get("x-kubernetes-int-or-string") is True
        if int_or_string or of_any_kind(schema):
            return "type" not in schema
        return schema.get("type") in TYPES

    assert failing(typed) == []


def test_only_parameters_are_of_any_kind() -> None:
    found = {path for _, path, schema in EVERYTHING if of_any_kind(schema)}
    runs = (".spec", RUN_IN_SCHEDULE)
    assert found == {f"{run}.{part}.params.*" for run in runs for part in ("dvc", "smoke")}


def test_keywords_are_those_of_structural_schemas() -> None:
    assert failing(lambda path, schema: schema.keys() <= ALLOWED) == []


def test_texts_lists_and_whole_numbers_have_limits() -> None:
    def limited(path: str, schema: Schema) -> bool:
        if schema.get("x-kubernetes-int-or-string"):
            return "maxLength" in schema
        if "enum" in schema:
            return True
        return schema.keys() >= set(LIMITS.get(schema.get("type", ""), ()))

    assert failing(limited) == []


def test_an_object_has_fields_or_a_limit_to_its_keys() -> None:
    def closed(path: str, schema: Schema) -> bool:
        if schema.get("type") != "object" or path == ".metadata":
            return True
        if "properties" in schema:
            return "additionalProperties" not in schema
        return "maxProperties" in schema and "additionalProperties" in schema

    assert failing(closed) == []


def test_whole_numbers_are_of_32_bits_but_for_generations() -> None:
    wide = {path for _, path, schema in EVERYTHING if schema.get("format") == "int64"}
    assert all(path.endswith(".observedGeneration") for path in wide)


def test_only_thresholds_are_fractions() -> None:
    assert {path for _, path, schema in EVERYTHING if schema.get("type") == "number"} == NUMBERS


def test_every_field_is_described_in_sentences() -> None:
    def described(path: str, schema: Schema) -> bool:
        if path.endswith(("[]", ".*")) or path in ("", ".metadata"):
            return True
        text = schema.get("description", "")
        return len(text) >= 5 and "  " not in text and "\n" not in text

    assert failing(described) == []


def test_the_keys_of_a_list_map_are_required_and_unique_names() -> None:
    def keyed(path: str, schema: Schema) -> bool:
        if schema.get("x-kubernetes-list-type") != "map":
            return "x-kubernetes-list-map-keys" not in schema
        keys = schema["x-kubernetes-list-map-keys"]
        return set(keys) <= set(schema["items"]["required"])

    assert failing(keyed) == []


def test_lists_that_several_appliers_share_are_maps() -> None:
    for place, key in (("env", "name"), ("volumes", "name"), ("volumeMounts", "mountPath")):
        found = [s for _, path, s in EVERYTHING if path.endswith(f".pod.{place}")]
        assert [schema["x-kubernetes-list-map-keys"] for schema in found] == [[key], [key]]


def test_every_rule_has_a_sentence_for_a_person() -> None:
    def told(path: str, schema: Schema) -> bool:
        return all(len(rule["message"].split()) >= 3 for rule in schema.get(VALIDATIONS, ()))

    assert failing(told) == []


def test_defaults_are_left_to_the_operator() -> None:
    assert failing(lambda path, schema: "default" not in schema) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_status_is_a_subresource_of_one_stored_version(kind: str) -> None:
    spec = crd(kind)["spec"]
    (only,) = spec["versions"]
    assert only["name"] == "v1alpha1"
    assert only["served"]
    assert only["storage"]
    assert only["subresources"] == {"status": {}}
    assert (spec["group"], spec["scope"]) == ("retrain.dev", "Namespaced")


def test_names_are_those_that_people_type() -> None:
    names = [crd(kind)["spec"]["names"] for kind in KINDS]
    assert [name["shortNames"] for name in names] == [["rsched"], ["trun"]]
    assert [name["categories"] for name in names] == [["retrain"], ["retrain"]]
    assert [name["plural"] for name in names] == ["retrainschedules", "trainingruns"]
