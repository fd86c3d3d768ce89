"""Which requests this tier takes, and what each costs its caller: `ratelimits` at the door of FastAPI."""

from collections.abc import AsyncIterator

from fastapi import Request

from signalcraft.errors import SignalCraftError, TooManyRequestsError, UnauthenticatedError
from signalcraft.openapi_errors import Caller
from signalcraft.ratelimits.policy import kind_of
from signalcraft.ratelimits.service import address_subject, require, require_kind
from signalcraft.ratelimits.workload import Workload
from signalcraft.strict_query import require_declared

STREAMS = 1500
"""Open event streams that one process holds: three quarters of `gunicorn_conf.worker_connections`."""
WORKLOAD = Workload(handlers=40, streams=STREAMS)
"""Of this process; as many handlers as Starlette has threads."""


async def take_in(request: Request) -> AsyncIterator[None]:
    """A dependency of every route, before all others: refused while the process is busier than its kind may
    find it, or where its query is wrong. It runs on the event loop, so that refusing needs no thread.
    """
    kind = _kind(request)
    declared = request.app.state.declared_queries.get((request.scope["endpoint"], request.method))
    if declared is not None:
        require_declared((name for name, _ in request.query_params.multi_items()), declared)
    WORKLOAD.begin(kind)
    try:
        yield
    finally:
        WORKLOAD.end(kind)


def count(request: Request, payer: str | None = None) -> None:
    """Count a request against the quota of `payer`, else of its address; called by the access rules.

    Raises
    ------
    TooManyRequestsError
        The quota is spent.
    """
    request.state.quota_headers = require_kind(
        _kind(request), payer or address_subject(client_address(request))
    )


def refused(request: Request, error: UnauthenticatedError) -> SignalCraftError:
    """401, until this address has sent so many credentials that are not good that it must wait."""
    try:
        require("refused", address_subject(client_address(request)))
    except TooManyRequestsError as too_many:
        return too_many
    return error


def client_address(request: Request) -> str | None:
    """Where the request comes from, as our proxy tells (`middleware.RequestContext`)."""
    return request.client.host if request.client else None


def _kind(request: Request) -> str:
    view = request.scope["endpoint"]
    caller: Caller = "user" if view in request.app.state.personal else "public"
    return kind_of(view, caller=caller, method=request.method)
