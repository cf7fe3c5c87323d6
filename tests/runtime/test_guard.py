"""Kopf gets what it can read of each object, and no more than is kept, over real connections."""

import asyncio
import json
from typing import Any

import aiohttp
from aiohttp import web

from retrain_core import names
from retrain_operator.kube.objects import TRAINING_RUN, Object
from retrain_operator.runtime.guard import LARGE, guarded

PATH = "/apis/retrain.dev/v1alpha1/trainingruns"


def a_run(name: str, value: Any = 1) -> Object:
    metadata = {"name": name, "namespace": "ml", "uid": name, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": {"dvc": {"params": {"a": value}}}}


def text_of(content: Any, levels: int = 9_996) -> str:
    return json.dumps(content).replace('"DEEP"', "[" * levels + "]" * levels)


async def received(lines: list[str]) -> tuple[Object, list[Object], list[str]]:
    """The listing and the events that kopf would see, and what was put aside."""
    aside: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            items = ",".join(lines)
            return web.Response(text=f'{{"items":[{items}],"kind":"L","metadata":{{}}}}')
        response = web.StreamResponse()
        await response.prepare(request)
        body = "".join(f'{{"type":"MODIFIED","object":{line}}}\n' for line in lines).encode()
        for place in range(0, len(body), 1000):
            await response.write(body[place : place + 1000])
        return response

    app = web.Application()
    app.router.add_get(PATH, answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    kinds = {TRAINING_RUN.plural: TRAINING_RUN}
    response = guarded(kinds, lambda _kind, place, why: aside.append(f"{place}: {why}"))
    async with aiohttp.ClientSession(response_class=response) as session:
        async with session.get(url) as listed:
            listing = await listed.json()
        async with session.get(url, params={"watch": "true"}) as watched:
            chunks = [chunk async for chunk in watched.content.iter_chunked(1024 * 1024)]
    await runner.cleanup()
    events = [json.loads(line) for line in b"".join(chunks).split(b"\n") if line]
    return listing, events, aside


def test_what_is_deep_is_cut_and_what_is_large_is_left_out_and_all_else_passes() -> None:
    lines = [
        text_of(a_run("small")),
        text_of(a_run("deep", "DEEP")),
        text_of(a_run("large", "x" * 600_000)),
        text_of(a_run("last", "é" * LARGE)),
    ]
    listing, events, aside = asyncio.run(received(lines))
    for found in (listing["items"], [event["object"] for event in events]):
        small, deep, large, last = found
        assert small == a_run("small")
        assert deep["metadata"] == a_run("deep")["metadata"]
        assert len(json.dumps(deep)) < 500
        assert large["spec"] == {}
        assert last == a_run("last", "é" * LARGE)
    assert len(aside) == 2
    assert all(said.startswith("ml/deep: nested deeper") for said in aside)


def test_an_object_that_is_none_is_named_and_left_out() -> None:
    odd = {"name": "odd", "annotations": {names.RELEASE_ANNOTATION: 5}}
    lines = [text_of(a_run("a")), text_of({"metadata": odd, "spec": {"x": "x" * LARGE}})]
    listing, events, aside = asyncio.run(received(lines))
    assert [item["metadata"]["name"] for item in listing["items"]] == ["a"]
    assert [event["object"]["metadata"]["name"] for event in events] == ["a"]
    assert len(aside) == 2
    assert all(said.startswith("None/odd: left out") for said in aside)
