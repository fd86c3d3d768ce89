"""Requests in reports and traces, in front of the web applications of processes that report.

A request is traced or not before anything is done for it, so that one that is not costs nothing. The tasks
that it puts on the queue follow.
"""

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import sentry_sdk
from celery import signals

from signalcraft.observability.sentry import REQUEST, Work, at_hand, begin

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_AsgiApp = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_HEADER = "sentry-trace"
_UNTRACED = frozenset({"/live", "/ready", "/version", "/metrics"})


class AsgiRequests:
    """In front of an ASGI application; what it does not catch itself is reported."""

    def __init__(self, app: _AsgiApp, *, traced_share: float) -> None:
        self._app = app
        self._share = traced_share

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        trace = next((value for name, value in scope["headers"] if name == b"sentry-trace"), b"")
        work = begin(trace.decode("latin-1"))
        try:
            if scope["type"] == "http" and _is_traced(scope["path"], self._share):
                with _traced(work, f"{scope['method']} {scope['path']}"):
                    await self._app(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        except Exception as error:
            sentry_sdk.capture_exception(error)
            raise


class WsgiRequests:
    """In front of a WSGI application, which catches and logs everything."""

    def __init__(self, app: WSGIApplication, *, traced_share: float) -> None:
        self._app = app
        self._share = traced_share

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        work = begin(environ.get("HTTP_SENTRY_TRACE"))
        path = environ.get("PATH_INFO", "")
        if not _is_traced(path, self._share):
            return self._app(environ, start_response)
        with _traced(work, f"{environ['REQUEST_METHOD']} {path}"):
            return self._app(environ, start_response)


def answered(method: str, route: str, status: int) -> None:
    """Name the trace of the request at hand, if it has one, by its route."""
    transaction = at_hand().transaction
    if transaction is not None:
        transaction.name = f"{method} {route}"
        transaction.set_http_status(status)


def _is_traced(path: str, share: float) -> bool:
    return random.random() < share and path not in _UNTRACED  # noqa: S311 - no secret


@contextmanager
def _traced(work: Work, name: str) -> Iterator[None]:
    with sentry_sdk.isolation_scope():
        begun = sentry_sdk.continue_trace({_HEADER: work.trace or ""}, op=REQUEST, name=name, source="route")
        with sentry_sdk.start_transaction(begun):
            work.transaction = begun
            yield


@signals.before_task_publish.connect  # type: ignore[untyped-decorator]
def _hand_on(headers: dict[str, Any], **_: Any) -> None:
    """Tell the worker whether the request is traced, and where its trace goes on."""
    work = at_hand()
    if work.transaction is not None:
        trace = work.transaction.to_traceparent()
    elif work.trace:
        trace = f"{work.trace}-0"
    else:
        return
    # The worker's SDK looks here; with this there, Celery itself looks nowhere else.
    headers["headers"] = {"request_id": headers.get("request_id"), _HEADER: trace}
