"""The people's tier as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

import signalcraft.tables  # noqa: F401  # foreign keys need every table known
from signalcraft import cross_origin, metrics
from signalcraft.gateway.access import Addresses, handlers, personal_handlers, verify_access_rules
from signalcraft.gateway.bodies import BoundedBodies
from signalcraft.gateway.feed import Feed
from signalcraft.gateway.limits import take_in
from signalcraft.gateway.middleware import RequestContext
from signalcraft.gateway.problems import init_problems
from signalcraft.gateway.routes import (
    admin_fleet,
    admin_people,
    admin_system,
    alarms,
    api_tokens,
    auth,
    browser_errors,
    health,
    invitations,
    kakao,
    members,
    monitoring,
    notifications,
    pages,
    personal_data,
    registration,
    sessions,
)
from signalcraft.observability.exposition import AsgiMetrics
from signalcraft.observability.requests import AsgiRequests
from signalcraft.observability.sentry import start_sentry
from signalcraft.openapi_errors import Caller, describe_errors
from signalcraft.queue import make_celery
from signalcraft.ratelimits.policy import limits_in_force
from signalcraft.settings import Settings, get_settings
from signalcraft.strict_query import declared_queries


class Gateway(FastAPI):
    """The FastAPI application, whose OpenAPI document says what every operation may refuse."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            callers: dict[tuple[str, str], Caller] = {
                (path, method): "user" if handler in self.state.personal else "public"
                for path, handler, method in handlers(self)
            }
            describe_errors(super().openapi(), lambda path, method: callers[path, method])
        return self.openapi_schema or {}


def create_app(settings: Settings | None = None) -> FastAPI:
    """Read from top to bottom: errors, routes, files, what each answer goes through, the access check."""
    settings = settings or get_settings()
    start_sentry(settings, "gateway")
    metrics.RELEASE.labels(settings.release, settings.colour).set(1)
    make_celery(settings)
    limits_in_force()  # raises ValueError where the operator's setting makes no sense
    app = Gateway(
        title="SignalCraft: people",
        version=settings.release,
        summary="Sign-in, live events, notifications and alarms.",
        openapi_url="/api/openapi/gateway.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        dependencies=[Depends(take_in)],
    )
    init_problems(app)
    for module in (
        auth,
        sessions,
        kakao,
        registration,
        invitations,
        api_tokens,
        notifications,
        alarms,
        members,
        admin_people,
        admin_fleet,
        admin_system,
        monitoring,
        personal_data,
        browser_errors,
        health,
        pages,
    ):
        app.include_router(module.router)
    app.include_router(sessions.well_known)
    pages.mount_static_files(app)
    app.add_middleware(BoundedBodies, limit_bytes=settings.json_limit_bytes)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.trusted_origins,
        allow_credentials=True,
        allow_methods=cross_origin.METHODS,
        allow_headers=cross_origin.REQUEST_HEADERS,
        expose_headers=cross_origin.ANSWER_HEADERS,
        max_age=cross_origin.PREFLIGHT_SECONDS,
    )
    app.add_middleware(RequestContext, tls=settings.cookie_secure)
    if settings.sentry_dsn is not None:
        app.add_middleware(AsgiRequests, traced_share=settings.traces_sample_rate)
    app.add_middleware(AsgiMetrics)
    verify_access_rules(app)
    app.state.personal = personal_handlers(app)
    app.state.addresses = Addresses(app)
    declared = declared_queries(app.openapi())
    app.state.declared_queries = {
        (handler, method): declared[path, method]
        for path, handler, method in handlers(app)
        if (path, method) in declared
    }
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with Feed().running() as feed:
        app.state.feed = feed
        yield
