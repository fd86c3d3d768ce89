"""`/metrics` of the web tiers, before the framework: no quota, no session, not in the API's description.

Only who asks the loopback port itself gets the numbers. The proxy says of every request for whom it asks
(X-Forwarded-For, and a client cannot take that away); such a request goes on to the framework, for which the
address does not exist.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from signalcraft.metrics import CONTENT_TYPE, PATH, exposition

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_AsgiApp = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class AsgiMetrics:
    """Answers in front of an ASGI application."""

    def __init__(self, app: _AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or _is_forwarded(scope["headers"]):
            await self._app(scope, receive, send)
            return
        body = await asyncio.to_thread(exposition)
        headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class WsgiMetrics:
    """Answers in front of a WSGI application."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH or "HTTP_X_FORWARDED_FOR" in environ:
            return self._app(environ, start_response)
        body = exposition()
        start_response("200 OK", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))])
        return [body]


def _is_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"x-forwarded-for" for name, _ in headers)
