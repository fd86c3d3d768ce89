"""Bodies of this tier: bounded while they are read, JSON as strict as at the other tier."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signalcraft.errors import MalformedRequestError, SignalCraftError, TooLargeError
from signalcraft.gateway.problems import problem_response
from signalcraft.strict_json import parse_json

_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class BoundedBodies:
    """Read a body to its end or its limit, refuse JSON that `parse_json` refuses, hand the rest on."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self.app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _CHANGES:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            body = await self._read(headers, receive)
            if body and _is_json(headers):
                parse_json(body)
        except SignalCraftError as error:
            answer = problem_response(error, request_id=scope["state"]["request_id"])
            await answer(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        announced = headers.get("Content-Length", "")
        if announced.isdecimal() and int(announced) > self._limit_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise MalformedRequestError("The body ends before its announced length.", field="body")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._limit_bytes:
                raise self._too_large()
            more = message.get("more_body", False)
        return b"".join(parts)

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"The body is larger than {self._limit_bytes} bytes.", field="body")


def _is_json(headers: Headers) -> bool:
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
