"""An HTTP proxy between one operator and the API server, which can do what networks do.

It notes each call, and a ``Fault`` may answer in the API server's place, withhold an answer that
it gave, or kill the operator before or after a call.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from control_plane.api import BUFFER, Api

GONE = {
    "type": "ERROR",
    "object": {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": "Expired",
        "message": "too old resource version",
        "code": 410,
    },
}
FORWARDED = ("Authorization", "Content-Type", "Accept")
VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete", "PUT": "update"}


@dataclass
class Call:
    """One request of the operator."""

    verb: str
    resource: str
    """Plural, with the subresource: trainingruns/status."""
    name: str
    body: dict[str, Any]
    code: int = 0
    """0: it has not been answered."""

    @property
    def writes(self) -> bool:
        return self.verb not in ("get", "list", "watch")

    @property
    def label(self) -> str:
        """What it is for, the same in each repetition of a scenario."""
        what = f"{self.verb} {self.resource}"
        if self.resource.endswith("/status"):
            status = self.body["status"]
            told = [_of_trigger(one) for one in status.get("triggers", ()) if "about" in one]
            return " ".join((what, status["conditions"][0]["reason"], *told))
        if self.resource == "cronjobs" and self.verb == "patch":
            return f"{what} suspend={self.body['spec']['suspend']}"
        if self.resource == "events":
            return f"{what} {self.body.get('reason', '')}"
        if self.verb == "patch":
            marks = self.body["metadata"].get("annotations")
            said = sorted(marks) if marks else self.body["spec"]
            return f"{what} {json.dumps(said)}"
        return what


def _of_trigger(status: dict[str, Any]) -> str:
    due, started = (len(status.get(field, ())) for field in ("due", "started"))
    return f"{status['name']}={status.get('reason')},{due} due,{started} started"


class CutOff(Exception):
    """Close the connection without a word."""


class Fault:
    """Nothing goes wrong; what does is in the subclasses."""

    async def before(self, call: Call) -> web.Response | None:
        """The answer instead of the API server's. Raises CutOff."""
        return None

    async def after(self, call: Call) -> None:
        """Told of a call that was done, before its answer is passed on. Raises CutOff."""


class Proxy:
    """Calls, faults, and the state of the watches that go through it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.calls: list[Call] = []
        self.fault = Fault()
        self.lists: dict[str, bytes] = {}
        """Answers to listings, by resource, that are given in place of today's."""
        self.hidden: Callable[[str, Any], bool] = lambda _resource, _event: False
        """Told resource and event: whether the watch keeps it to itself."""
        self.reworded: Callable[[bytes], bytes] = lambda content: content
        """What the operator is told instead of an answer, or of a line of a watch."""
        self.expired: set[str] = set()
        """Resources whose next watch is told that its version is too old."""
        self._watches: list[web.Request] = []
        self.port = 0

    async def start(self) -> None:
        """Listen; on the port it had before, if there is one."""
        connector = aiohttp.TCPConnector(ssl=self._api.anonymous, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, read_bufsize=BUFFER)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Refuse connections, and cut those that there are."""
        self.cut_watches()
        await self._runner.cleanup()
        await self._session.close()

    def writes(self, since: int = 0) -> list[str]:
        """Labels of what was written and accepted, in order."""
        return [c.label for c in self.calls[since:] if c.writes and 200 <= c.code < 300]

    def count(self, verb: str, resource: str) -> int:
        """Objects that were so created or deleted; to delete one again is no matter."""
        found = [c for c in self.calls if (c.verb, c.resource) == (verb, resource)]
        accepted = [call for call in found if 200 <= call.code < 300]
        if verb == "delete":
            return len({call.body["preconditions"]["uid"] for call in accepted})
        return len(accepted)

    def cut_watches(self) -> None:
        for request in [*self._watches]:
            _cut(request)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = _call(request, await request.read())
        self.calls.append(call)
        try:
            if (answer := await self.fault.before(call)) is not None:
                call.code = answer.status
                return answer
            if call.verb == "list" and call.resource in self.lists:
                return web.Response(body=self.lists[call.resource], content_type="application/json")
            return await self._forward(request, call)
        except (CutOff, aiohttp.ClientError):
            _cut(request)
            return web.Response()

    async def _forward(self, request: web.Request, call: Call) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        url = f"{self._api.server}{request.raw_path}"
        async with self._session.request(
            request.method,
            URL(url, encoded=True),
            headers=headers,
            data=await request.read() or None,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            call.code = answer.status
            if call.verb == "watch" and answer.status == 200:
                return await self._stream(request, call, answer)
            content = await answer.read()
        await self.fault.after(call)
        return web.Response(
            body=self.reworded(content), status=answer.status, content_type="application/json"
        )

    async def _stream(
        self, request: web.Request, call: Call, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if call.resource in self.expired:
            self.expired.discard(call.resource)
            await response.write(json.dumps(GONE).encode() + b"\n")
            return response
        self._watches.append(request)
        try:
            with suppress(ConnectionError, aiohttp.ClientError):
                async for line in answer.content:
                    if not self.hidden(call.resource, json.loads(line)):
                        await response.write(self.reworded(line))
        finally:
            self._watches.remove(request)
        return response


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _call(request: web.Request, content: bytes) -> Call:
    parts = request.path.strip("/").split("/")
    rest = parts[3:] if parts[0] == "apis" else parts[2:]
    if rest[:1] == ["namespaces"]:
        rest = rest[2:]
    resource, name, sub = [*rest, "", "", ""][:3]
    verb = VERBS.get(request.method)
    if verb is None:
        watching = request.query.get("watch") in ("true", "1")
        verb = "watch" if watching else "get" if name or not resource else "list"
    body = json.loads(content) if content else {}
    return Call(verb, f"{resource}/{sub}" if sub else resource, name, body)
