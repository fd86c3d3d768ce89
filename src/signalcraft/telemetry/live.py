"""The newest readings of machines that somebody watches right now, told beside the write path.

It costs the writers next to nothing while nobody watches, and never makes them wait for Redis.
"""

import threading
from collections.abc import Sequence
from functools import lru_cache
from time import sleep
from typing import Any

import redis

from signalcraft.fleet.queries import KnownDevice
from signalcraft.logging import get_logger
from signalcraft.realtime.publish import publish_readings, watched_machines
from signalcraft.telemetry.columns import FIELDS, Columns
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.schemas import reading_document
from signalcraft.telemetry.times import moment_of

log = get_logger(__name__)

INTERVAL_SECONDS = 0.5
"""Nobody reads numbers that change faster."""


class Live:
    """A thread that tells the newest reading of each watched device, and asks who is watched."""

    def __init__(self) -> None:
        self._watched: frozenset[int] = frozenset()
        self._newest: dict[int, tuple[int, dict[str, Any]]] = {}
        self._stored = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, columns: Columns, devices: Sequence[KnownDevice]) -> None:
        """Readings that are committed, sorted by device and time; called by one thread only."""
        watched = {device.id: device for device in devices if device.machine_id in self._watched}
        for device_id, device in watched.items():
            last = columns.device.searchsorted(device_id, side="right") - 1
            if last >= 0 and columns.device[last] == device_id:
                self._newest[device_id] = (device.machine_id, _payload(device, columns, int(last)))
        self._stored.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="live", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._stored.wait()
            self._stored.clear()
            try:
                self._watched = watched_machines()
                newest, self._newest = self._newest, {}
                publish_readings(list(newest.values()))
            except redis.RedisError as error:
                log.warning("readings_not_told", reason=type(error).__name__)
            sleep(INTERVAL_SECONDS)


@lru_cache(maxsize=1)
def get_live() -> Live:
    """That of this process. Call it after the fork only."""
    return Live()


def _payload(device: KnownDevice, columns: Columns, row: int) -> dict[str, Any]:
    values = {
        field: None if value != value else value
        for field, value in zip(FIELDS, columns.fields[row].tolist(), strict=True)
    }
    reading = Reading(
        device_id=device.id,
        measured_at=moment_of(int(columns.measured_at_us[row])),
        received_at=columns.received_at,
        quality=columns.quality[row],
        **values,
    )
    return {
        "device_id": device.device_id,
        "machine_id": device.machine_id,
        "reading": reading_document(reading, vibration_unit=device.vibration_unit),
    }
