"""What a node does, for programs that stand in for one: raw sound, readings, no sign-in."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx

from signalcraft.client.connection import Connection
from signalcraft.client.errors import ProblemError
from signalcraft.client.patience import Patience
from signalcraft.client.results import BatchResult, ClipReceived, ReadingError, Result

BATCH_READINGS = 1000
"""Readings of one request: a fifth of what the server takes, so that one refused costs little."""
GREETING_PATIENCE_SECONDS = 10.0
"""The first word: a person waits at the prompt and may have the address wrong."""


@dataclass(frozen=True)
class Measurement:
    """One reading to send. None, or a number that is not finite: this sensor has nothing to say.

    Parameters
    ----------
    device_id : 1 to 64 of `A-Z a-z 0-9 _ . : -`.
    measured_at : with a zone. It is the key: the same reading, sent again, is stored once.
    temperature_c : °C.
    vibration : acceleration along x, y, z in the device's unit (g unless set otherwise).
    power_percent : % of the current sensor's range.
    audio_level : mean of the absolute 16-bit samples.
    """

    device_id: str
    measured_at: datetime
    temperature_c: float | None = None
    vibration: tuple[float | None, float | None, float | None] = (None, None, None)
    power_percent: float | None = None
    audio_level: float | None = None

    def message(self) -> dict[str, Any]:
        """As it travels."""
        return {
            "device_id": self.device_id,
            "timestamp": self.measured_at.timestamp(),
            "temperature": _number(self.temperature_c),
            "vibration": {axis: _number(value) for axis, value in zip("xyz", self.vibration, strict=True)},
            "power_consumption": _number(self.power_percent),
            "audio_level": _number(self.audio_level),
        }


class Greeting(Result):
    """How a node is to work, as the server says it at boot."""

    device_id: str
    config: dict[str, Any]


class NodeClient:
    """One connection to the server, used in the name of one or more devices. Safe to share among threads.

    Parameters
    ----------
    url : origin of the server, such as `http://127.0.0.1:8000`.
    keys : the key (`scd_…`) of each device that has one, by the device's name.
    patience : how long one message is tried again before it counts as refused.
    transport : a stand-in for the network in tests.

    All methods raise `ProblemError` where the server refuses and `UnreachableError` where there is none.
    """

    def __init__(
        self,
        url: str,
        *,
        keys: Mapping[str, str] | None = None,
        patience: Patience = Patience(),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._patience = patience
        self._keys = keys or {}
        self._connection = Connection(url, auth=None, patience=patience, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def fetch_config(self, device_id: str) -> Greeting:
        """What deployed firmware calls at boot; it makes the device known."""
        return self._connection.request(
            "GET",
            "/api/esp32/config",
            Greeting,
            patience=replace(self._patience, seconds=GREETING_PATIENCE_SECONDS),
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
    ) -> ClipReceived:
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
            headers["X-Measured-At"] = measured_at.isoformat()
        if synthetic:
            headers["X-Synthetic"] = "true"
        return self._connection.request(
            "POST", "/api/esp32/audio/upload", ClipReceived, content=pcm, headers=headers
        )

    def send_reading(self, reading: Measurement) -> None:
        """Store one reading; it is committed when this returns."""
        self._connection.request(
            "POST",
            "/api/iot/sensors/data",
            Result,
            json=reading.message(),
            headers=self._key_of(reading.device_id),
        )

    def send_readings(self, readings: Sequence[Measurement]) -> BatchResult:
        """Store any number of readings, in batches; what is sound is committed when this returns.

        Those of devices with keys travel apart, for one request shows one key.

        Readings that the server finds wrong are named in the result, by their place in `readings`; they do
        not keep the others out. Broken off in the middle, it may be called again with the same readings.
        """
        stored = duplicates = 0
        errors: list[ReadingError] = []
        for places in self._batches(readings):
            result = self._send_batch([readings[place] for place in places])
            stored += result.stored
            duplicates += result.duplicates
            errors += [error.model_copy(update={"index": places[error.index]}) for error in result.errors]
        return BatchResult(
            stored=stored, duplicates=duplicates, errors=sorted(errors, key=lambda error: error.index)
        )

    def _batches(self, readings: Sequence[Measurement]) -> Iterator[Sequence[int]]:
        """Places of readings that travel together."""
        by_key: dict[str | None, list[int]] = {}
        for place, reading in enumerate(readings):
            by_key.setdefault(self._keys.get(reading.device_id), []).append(place)
        for places in by_key.values():
            for first in range(0, len(places), BATCH_READINGS):
                yield places[first : first + BATCH_READINGS]

    def _key_of(self, device_id: str) -> dict[str, str]:
        key = self._keys.get(device_id)
        return {"X-Device-Key": key} if key is not None else {}

    def _send_batch(self, batch: Sequence[Measurement]) -> BatchResult:
        messages = [reading.message() for reading in batch]
        try:
            return self._connection.request(
                "POST",
                "/api/iot/sensors/data/batch",
                BatchResult,
                json=messages,
                headers=self._key_of(batch[0].device_id),
            )
        except ProblemError as error:
            errors = error.document.get("errors") or ()
            if not errors or not all("index" in each for each in errors):
                raise
            # Each reading is wrong: that is this batch's result, and the next one may be sound.
            return BatchResult(stored=0, duplicates=0, errors=errors)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
