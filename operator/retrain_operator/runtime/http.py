"""/healthz, /readyz and /metrics, served by the loop that does the work."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import generate_latest

from retrain_operator.runtime.health import Health
from retrain_operator.runtime.metrics import Metrics


async def serve(
    port: int, health: Health, metrics: Metrics, refused: Callable[[], str] = str
) -> tuple[web.AppRunner, int]:
    """Listen on ``port`` of every address; returns the server and its port (for port 0).

    ``refused``: why this process may never act, if that is so.
    """

    async def healthz(_: web.Request) -> web.Response:
        problem = health.problem()
        return web.Response(text=problem or "ok", status=503 if problem else 200)

    async def readyz(_: web.Request) -> web.Response:
        problem = refused() if health.ready else "the objects have not been listed yet"
        return web.Response(text=problem or "ok", status=503 if problem else 200)

    async def tell_metrics(_: web.Request) -> web.Response:
        body = generate_latest(metrics.registry)
        return web.Response(body=body, content_type="text/plain", charset="utf-8")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", tell_metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, port=port)
    await site.start()
    # For port 0, IPv4 and IPv6 each get their own.
    address = min(runner.addresses, key=len)
    return runner, int(address[1])
