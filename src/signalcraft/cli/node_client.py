"""Talk to the server exactly as a node does: raw sound, flat JSON, its key if it has one, patience."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx

from signalcraft.clock import iso, utc_now

RETRIED_STATUSES = frozenset({429, 502, 503, 504})
"""Answers that mean "nothing was stored, come again"; 502 and 504: a process restarts."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
GREETING_PATIENCE_SECONDS = 10.0
"""The first word: a person waits at the prompt and may have the address wrong."""
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


@dataclass(frozen=True)
class Outcome:
    """What became of one message; `reason` says in the server's words why it was refused."""

    accepted: bool
    reason: str = ""
    answer: Mapping[str, Any] | None = None


class NodeClient:
    """One connection to the server, used in the name of one or more devices. Safe to share among threads.

    Parameters
    ----------
    url : origin of the server, such as `http://127.0.0.1:8000`.
    keys : the key of each device that has one, by its name.
    patience_seconds : how long one message is tried again before it counts as refused.
    transport, sleep : stand-ins for the network and the clock in tests.
    """

    def __init__(
        self,
        url: str,
        *,
        keys: Mapping[str, str] | None = None,
        patience_seconds: float = 120.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT, transport=transport)
        self._keys = keys or {}
        self._patience_seconds = patience_seconds
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def fetch_config(self, device_id: str) -> Outcome:
        """What the deployed firmware calls at boot; it makes the device known."""
        return self._send(
            "GET",
            "/api/esp32/config",
            patience_seconds=GREETING_PATIENCE_SECONDS,
            params={"device_id": device_id},
            headers=self._key_of(device_id),
        )

    def send_clip(
        self,
        device_id: str,
        pcm: bytes,
        *,
        sample_rate_hz: int,
        priority: str = "normal",
        measured_at: datetime | None = None,
        synthetic: bool = False,
    ) -> Outcome:
        """Upload raw signed 16-bit little-endian mono sound.

        Without `measured_at` the arrival counts, as with old firmware; with it, sending again is harmless.
        """
        headers = self._key_of(device_id) | {
            "Content-Type": "application/octet-stream",
            "X-Device-ID": device_id,
            "X-Sample-Rate": str(sample_rate_hz),
            "X-Bits-Per-Sample": "16",
            "X-Priority": priority,
        }
        if measured_at is not None:
            headers["X-Measured-At"] = str(iso(measured_at))
        if synthetic:
            headers["X-Synthetic"] = "true"
        return self._send("POST", "/api/esp32/audio/upload", content=pcm, headers=headers)

    def send_reading(self, reading: Mapping[str, Any]) -> Outcome:
        """Post one sensor reading in the flat shape of `/api/iot/sensors/data`."""
        headers = self._key_of(reading.get("device_id", ""))
        return self._send("POST", "/api/iot/sensors/data", json=reading, headers=headers)

    def _key_of(self, device_id: str) -> dict[str, str]:
        key = self._keys.get(device_id)
        return {"X-Device-Key": key} if key else {}

    def _send(
        self, method: str, path: str, *, patience_seconds: float | None = None, **request: Any
    ) -> Outcome:
        """Send, and send again after a pause while the server is away or busy."""
        patience_seconds = patience_seconds or self._patience_seconds
        waited, pause = 0.0, FIRST_PAUSE_SECONDS
        while True:
            asked_to_wait = 0.0
            try:
                response = self._client.request(method, path, **request)
            except httpx.TransportError as error:
                reason = f"no connection to {self._client.base_url} ({type(error).__name__})"
            else:
                if response.status_code not in RETRIED_STATUSES:
                    return _outcome(response)
                reason = _reason(response)
                asked_to_wait = retry_after_seconds(response.headers.get("Retry-After"), utc_now())
            wait = max(pause, asked_to_wait)
            if waited + wait > patience_seconds:
                return Outcome(False, reason)
            self._sleep(wait)
            waited += wait
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def retry_after_seconds(value: str | None, now: datetime) -> float:
    """Seconds that a Retry-After field asks for (RFC 9110, 10.2.3); 0 where it is missing or unreadable."""
    if value is None:
        return 0.0
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _outcome(response: httpx.Response) -> Outcome:
    if not response.is_success:
        return Outcome(False, _reason(response))
    document = _json(response)
    # Old servers reported failures inside 200; ours does not, but the URL may be anybody's.
    if document is None or document.get("success") is not True:
        return Outcome(False, "the answer is not SignalCraft's: is the URL right?")
    return Outcome(True, answer=document)


def _reason(response: httpx.Response) -> str:
    document = _json(response) or {}
    detail = document.get("detail") or document.get("message") or response.reason_phrase
    return f"{response.status_code}: {detail}"


def _json(response: httpx.Response) -> dict[str, Any] | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
