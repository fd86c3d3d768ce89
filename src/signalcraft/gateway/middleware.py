"""What every request of this tier goes through: an id, the client's address, a line in the log, headers."""

import re
from collections.abc import Mapping
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signalcraft import metrics
from signalcraft.audit import origin
from signalcraft.client_address import client_address
from signalcraft.logging import bind, clear, get_logger
from signalcraft.observability.requests import answered
from signalcraft.security_headers import NO_STORE, security_headers

log = get_logger(__name__)

REQUEST_ID_HEADER = "X-Request-ID"
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_DATA = ("application/json", "application/problem+json", "text/event-stream")


class RequestContext:
    """Bind the request's id to the log and send it back, with the headers that every answer carries."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self.app = app
        self._page_headers = security_headers(page=True, tls=tls)
        self._data_headers = security_headers(page=False, tls=tls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_headers = Headers(scope=scope)
        given = request_headers.get(REQUEST_ID_HEADER, "")
        request_id = given if _SANE_REQUEST_ID.fullmatch(given) else uuid4().hex
        clear()
        bind(request_id=request_id)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        host, port = scope.get("client") or (None, 0)
        scope["client"] = (client_address(host, request_headers.get("X-Forwarded-For")) or "", port)
        origin.begin(address=scope["client"][0] or None, request_id=request_id)
        started = perf_counter()
        is_answered = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID_HEADER] = request_id
                for name, value in {**state.get("quota_headers", {}), **self._headers_for(headers)}.items():
                    headers.setdefault(name, value)
                seconds = perf_counter() - started
                route = _route_of(scope)
                metrics.count_request(scope["method"], route, message["status"], seconds)
                answered(scope["method"], route or metrics.UNMATCHED, message["status"])
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=message["status"],
                    seconds=round(seconds, 4),
                )
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:
            if not is_answered:  # it is answered farther out, past `send_with_headers`
                metrics.count_request(scope["method"], _route_of(scope), 500, perf_counter() - started)
            raise

    def _headers_for(self, answer: MutableHeaders) -> Mapping[str, str]:
        if not answer.get("Content-Type", "").startswith(_DATA):
            return self._page_headers
        return {**self._data_headers, "Cache-Control": NO_STORE}


def _route_of(scope: Scope) -> str | None:
    """The template of the route that answers, known once it was looked for; of files, their folder."""
    route: str | None = getattr(scope.get("route"), "path_format", None)
    folder = scope.get("root_path")
    return route or (f"{folder}/{{path}}" if folder else None)
