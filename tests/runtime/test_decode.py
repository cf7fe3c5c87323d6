"""What one object holds keeps no other from being read."""

import json
from typing import Any

import pytest

from retrain_operator.kube.decode import LEVELS, TOO_DEEP, listing, loads
from retrain_operator.kube.objects import Object


def an_object(name: str) -> Object:
    return {"metadata": {"name": name, "namespace": "ml"}, "spec": {"text": '"items":[ \\ ]'}}


def a_list(*items: Object) -> str:
    return json.dumps({"kind": "L", "items": items, "metadata": {"resourceVersion": "3"}})


def deepened(text: str, levels: int, open_: str = "[", close: str = "]") -> str:
    return text.replace('"DEEP"', open_ * levels + '"]"' + close * levels)


def depth(value: Any) -> int:
    found = 0
    while isinstance(value, list | dict):
        found += 1
        value = next(iter(value.values() if isinstance(value, dict) else value))
    return found


@pytest.mark.parametrize("levels", [3_000, 9_996])
@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_an_object_nested_deeper_than_a_decoder_follows_is_read_without_what_is_below(
    levels: int, open_: str, close: str
) -> None:
    deep = {**an_object("deep"), "x": "DEEP"}
    text = deepened(a_list(an_object("a"), deep, an_object("b")), levels, open_, close)
    aside: list[tuple[str, str]] = []
    found = listing(text, lambda item: item, lambda *said: aside.append(said))
    assert [item["metadata"]["name"] for item in found["items"]] == ["a", "deep", "b"]
    assert found["metadata"] == {"resourceVersion": "3"}
    assert found["items"][0] == an_object("a")
    assert depth(found["items"][1].pop("x")) == LEVELS - 1
    assert found["items"][1] == an_object("deep")
    assert aside == [("ml/deep", TOO_DEEP)]
    assert depth(loads(deepened(json.dumps(deep), levels, open_, close))["x"]) == LEVELS - 1


def test_an_item_that_cannot_be_taken_is_named_and_left_out() -> None:
    def take(item: Object) -> Object:
        return {"name": item["metadata"]["name"], "uid": item["uid"]}

    aside: list[tuple[str, str]] = []
    items = ({**an_object("a"), "uid": 1}, an_object("none"), {**an_object("b"), "uid": 2})
    found = listing(a_list(*items), take, lambda *said: aside.append(said))
    assert [item["name"] for item in found["items"]] == ["a", "b"]
    assert aside == [("ml/none", "left out: KeyError: 'uid'")]


@pytest.mark.parametrize(
    "text", ['{"items":[]}', '{"items": [ ] }', '{"items":null}', '{"code":4}']
)
def test_a_list_may_have_no_items(text: str) -> None:
    assert listing(text, lambda item: item, lambda *_: None) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["", "x", '{"items":[{"a":1}', '{"items":[{"a":', '{"items":[1 2', "[" * 5000]
)
def test_what_ends_early_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the decoder says
        listing(text, lambda item: item, lambda *_: None)
