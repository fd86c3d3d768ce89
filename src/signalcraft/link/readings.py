"""Lone readings over HTTP, taken as those of connected nodes are: what comes together is stored together.

Only the usual message that ends well is answered here, and the one that must come back later. For all else
(wrong, unusual, not let in, from a browser) the proxy asks the handler in the api tier, which takes more and
says what is wrong. It may do so even for a reading that was stored here: device and time are its key.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter, time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signalcraft import metrics
from signalcraft.errors import (
    PROBLEM_MEDIA_TYPE,
    SignalCraftError,
    TooManyRequestsError,
    UnavailableError,
    problem_of,
)
from signalcraft.fleet.admission import Caller
from signalcraft.fleet.keys import KEY_HEADER, shown_key
from signalcraft.link.intake import Intake
from signalcraft.logging import get_logger
from signalcraft.operations.tiers import FULL_HANDLER, READING_PATH
from signalcraft.ratelimits.service import address_subject, require_kind, require_message
from signalcraft.security_headers import NO_STORE, security_headers
from signalcraft.settings import Settings
from signalcraft.telemetry.items import Item
from signalcraft.telemetry.lone import BODY_LIMIT, usual_reading

log = get_logger(__name__)

AT_ONCE = 2_000
"""Readings under way, about a second of work: who comes then is asked to come back."""
COMMIT_SECONDS = 8.0
"""Deployed firmware gives an answer ten seconds."""

_KEY_HEADER = KEY_HEADER.lower().encode()
_Headers = Mapping[bytes, bytes]


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


_NOT_HERE = _Answer(HTTPStatus.MISDIRECTED_REQUEST, {"X-Accel-Redirect": FULL_HANDLER})


class Readings:
    """Answers `POST /api/iot/sensors/data`, before the framework, which takes as long as storing."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._at_work = 0
        always = {**security_headers(page=False, tls=settings.cookie_secure), "Cache-Control": NO_STORE}
        self._always = [(name.encode(), value.encode()) for name, value in always.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != READING_PATH:
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        answer = await self._answer(scope, dict(scope["headers"]), receive)
        metrics.count_request(scope["method"], READING_PATH, int(answer.status), perf_counter() - started)
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        length = (b"Content-Length", str(len(answer.body)).encode())
        start: Message = {
            "type": "http.response.start",
            "status": int(answer.status),
            "headers": [*headers, length, *self._always],
        }
        await send(start)
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, headers: _Headers, receive: Receive) -> _Answer:
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip()
        if scope["method"] != "POST" or kind != b"application/json" or b"origin" in headers:
            return _NOT_HERE
        body = await _read(receive)
        item = usual_reading(body) if body is not None else None
        if item is None:
            return _NOT_HERE
        request_id = _text(headers.get(b"x-request-id")) or ""
        address = scope["client"][0] if scope["client"] else None
        key = shown_key(_text(headers.get(_KEY_HEADER)), _text(headers.get(b"authorization")))
        caller = Caller(item.device_id, key, address)
        self._at_work += 1
        try:
            return await self._stored(scope["app"].state.intake, item, caller, request_id)
        except (TooManyRequestsError, UnavailableError) as error:
            return _refused(error, request_id)
        finally:
            self._at_work -= 1

    async def _stored(self, intake: Intake, item: Item, caller: Caller, request_id: str) -> _Answer:
        if self._at_work > AT_ONCE:
            raise UnavailableError("More readings come than can be stored; send them again later.")
        standing = require_kind("ingest", address_subject(caller.address))
        require_message(caller.device_id, caller.key, caller.address)
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                refusal = await intake.store(item, caller)
        except TimeoutError:
            raise UnavailableError("The readings could not be stored in time; send them again.") from None
        if isinstance(refusal, UnavailableError):
            raise refusal
        if refusal is not None:
            return _NOT_HERE
        body = b'{"success":true,"message":"Sensor data received","timestamp":%.6f}' % time()
        return _Answer(
            HTTPStatus.OK, {"Content-Type": "application/json", "X-Request-ID": request_id, **standing}, body
        )


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


async def _read(receive: Receive) -> bytes | None:
    """The body, None where it is longer than the usual message or does not come to its end."""
    body = b""
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        part: bytes = event.get("body", b"")
        body += part
        if len(body) > BODY_LIMIT:
            return None
        if not event.get("more_body", False):
            return body


def _refused(error: SignalCraftError, request_id: str) -> _Answer:
    log.info("refused", status=int(error.status), detail=error.detail, request_id=request_id)
    document = problem_of(error, request_id=request_id or None)
    headers = {"Content-Type": PROBLEM_MEDIA_TYPE, "X-Request-ID": request_id, **error.headers}
    return _Answer(error.status, headers, json.dumps(document, ensure_ascii=False).encode())
