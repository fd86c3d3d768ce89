"""The request id that follows a clip from upload to alarm, and the line each request leaves in the log."""

import re
from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar
from uuid import uuid4

from flask import Flask, Response, current_app, g, request

from signalcraft import metrics
from signalcraft.api.queries import openapi_path
from signalcraft.audit import origin
from signalcraft.logging import bind, clear, get_logger, request_id
from signalcraft.observability.requests import answered

log = get_logger(__name__)

View = TypeVar("View", bound=Callable[..., Any])

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def init_request_ids(app: Flask) -> None:
    """Give every request an id, bind it to the log context, and send it back."""
    app.before_request(_begin)
    app.after_request(_end)


def unlogged(view: View) -> View:
    """Mark a view that nodes call each second: only what it refuses leaves a line, or they fill the disk."""
    view.unlogged = True  # type: ignore[attr-defined]  # functools.wraps carries it to the wrapping view
    return view


def _begin() -> None:
    clear()  # the thread may have served somebody else before
    given = request.headers.get(HEADER, "")
    bind(request_id=given if _SANE.fullmatch(given) else uuid4().hex)
    origin.begin(address=request.remote_addr, request_id=request_id())
    g.started = perf_counter()


def _end(response: Response) -> Response:
    response.headers[HEADER] = request_id() or ""
    seconds = perf_counter() - g.started
    route = openapi_path(request.url_rule) if request.url_rule is not None else None
    metrics.count_request(request.method, route, response.status_code, seconds)
    answered(request.method, route or metrics.UNMATCHED, response.status_code)
    view = current_app.view_functions.get(request.endpoint or "")
    if response.status_code < 400 and getattr(view, "unlogged", False):
        return response
    log.info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        seconds=round(seconds, 4),
    )
    return response
