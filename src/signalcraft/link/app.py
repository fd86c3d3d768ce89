"""The nodes' tier as an ASGI application: one WebSocket address, and health."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket

import signalcraft.tables  # noqa: F401  # foreign keys need every table known
from signalcraft import metrics
from signalcraft.link import health
from signalcraft.link.connections import Connections
from signalcraft.link.intake import Intake
from signalcraft.link.orders import Orders
from signalcraft.link.readings import Readings
from signalcraft.link.reports import Reports
from signalcraft.link.sockets import Sockets
from signalcraft.logging import get_logger
from signalcraft.observability import draining
from signalcraft.observability.exposition import AsgiMetrics
from signalcraft.observability.requests import AsgiRequests
from signalcraft.observability.sentry import start_sentry
from signalcraft.operations.tiers import GRACE_SECONDS
from signalcraft.queue import make_celery
from signalcraft.settings import Settings, get_settings
from signalcraft.telemetry.writer import get_writer

log = get_logger(__name__)

PATH = "/ws/sensors"
DRAINING_LOOK_SECONDS = 0.5


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; `settings` default to those of the process."""
    settings = settings or get_settings()
    start_sentry(settings, "link")
    metrics.RELEASE.labels(settings.release, settings.colour).set(1)
    make_celery(settings)
    app = FastAPI(
        title="SignalCraft: nodes",
        version=settings.release,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.add_middleware(Readings, settings=settings)
    if settings.sentry_dsn is not None:
        app.add_middleware(AsgiRequests, traced_share=settings.traces_sample_rate)
    app.add_middleware(AsgiMetrics)
    app.include_router(health.router)
    app.add_api_websocket_route(PATH, _sensors)
    return app


async def _sensors(socket: WebSocket) -> None:
    sockets: Sockets = socket.app.state.sockets
    await sockets.serve(socket)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    connections = Connections()
    intake, reports = Intake(get_writer()), Reports(connections)
    app.state.intake = intake
    app.state.sockets = Sockets(connections, intake, reports)
    works = (intake.run, reports.run, Orders(connections).run, connections.sweep, _leave(connections))
    running = [asyncio.create_task(_kept_up(work)) for work in works]
    yield
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _kept_up(work: Callable[[], Awaitable[None]]) -> None:
    """Begin anew after a failure nobody foresaw: without one of them no node is served."""
    while True:
        try:
            return await work()
        except Exception:
            log.exception("link_work_failed")
            await asyncio.sleep(1.0)


def _leave(connections: Connections) -> Callable[[], Awaitable[None]]:
    """Send the nodes away, one after the other, when this process is drained."""

    async def leave_when_told() -> None:
        while True:
            await asyncio.sleep(DRAINING_LOOK_SECONDS)
            if draining.is_draining():
                await connections.send_away(GRACE_SECONDS / 2)

    return leave_when_told
