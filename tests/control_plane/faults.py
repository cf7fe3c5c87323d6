"""What goes wrong between an operator and the API server."""

import asyncio

from aiohttp import web

from control_plane.operators import Operator
from control_plane.proxy import Call, CutOff, Fault


class OnWrite(Fault):
    """Something happens at the first write of this label."""

    def __init__(self, label: str) -> None:
        self._label = label
        self.struck = False

    def strikes(self, call: Call) -> bool:
        if self.struck or not call.writes or call.label != self._label:
            return False
        self.struck = True
        return True


class CrashBefore(OnWrite):
    """The operator is killed instead, and started anew if it should be."""

    def __init__(self, operator: Operator, label: str, *, again: bool = True) -> None:
        super().__init__(label)
        self._operator = operator
        self._again = again

    async def before(self, call: Call) -> web.Response | None:
        if self.strikes(call):
            self.crash()
        return None

    def crash(self) -> None:
        self._operator.kill()
        if self._again:
            self._operator.start()
        raise CutOff


class CrashAfter(CrashBefore):
    """The operator is killed when the write is done."""

    async def before(self, call: Call) -> web.Response | None:
        return None

    async def after(self, call: Call) -> None:
        if self.strikes(call):
            self.crash()


class EveryCrash(CrashAfter):
    """The operator is killed after each write."""

    def __init__(self, operator: Operator) -> None:
        super().__init__(operator, "")
        self.count = 0

    def strikes(self, call: Call) -> bool:
        self.count += call.writes
        return call.writes


class AnswerLost(OnWrite):
    """The write is done and nobody hears of it."""

    async def after(self, call: Call) -> None:
        if self.strikes(call):
            raise CutOff


class Down(Fault):
    """Every call is answered with this code."""

    def __init__(self, code: int) -> None:
        self._code = code
        self.answers = 0

    async def before(self, call: Call) -> web.Response | None:
        self.answers += 1
        return web.Response(status=self._code, text="not now")


class AnswerHeld(Fault):
    """Calls of this label are done, and their answers wait until it is opened."""

    def __init__(self, label: str) -> None:
        self._label = label
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def after(self, call: Call) -> None:
        if call.label == self._label:
            self.reached.set()
            await self.opened.wait()


class Gate(Fault):
    """Calls of this label wait until it is opened."""

    def __init__(self, label: str) -> None:
        self._label = label
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def before(self, call: Call) -> web.Response | None:
        if call.label == self._label:
            self.reached.set()
            await self.opened.wait()
        return None
