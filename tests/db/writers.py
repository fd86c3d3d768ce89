"""Clients that write while the server is crashed: what they were told must be true."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from time import monotonic, sleep

from flask import Flask
from sqlalchemy import text

from signalcraft.db.session import unit_of_work

START = datetime(2026, 11, 1, tzinfo=UTC)
WRITERS = 6
HEALED_SECONDS = 30.0
"""From the crash until writes are taken again, on a machine that does other things too; usually two."""


class Writer(threading.Thread):
    """Sends one reading after the other, each once; keeps what was answered."""

    def __init__(self, app: Flask, device_id: str) -> None:
        super().__init__(daemon=True)
        self._client = app.test_client()
        self._device_id = device_id
        self.stopping = threading.Event()
        self.accepted: set[datetime] = set()
        self.answers: Counter[int] = Counter()
        self.without_retry_after = 0

    def run(self) -> None:
        for number in count():
            if self.stopping.is_set():
                return
            measured_at = START + timedelta(seconds=number)
            answer = self._client.post("/api/iot/sensors/data", json=self._message(measured_at))
            self.answers[answer.status_code] += 1
            if answer.status_code == 200:
                self.accepted.add(measured_at)
            else:
                self.without_retry_after += "Retry-After" not in answer.headers
                sleep(0.02)

    def _message(self, measured_at: datetime) -> dict[str, object]:
        return {
            "device_id": self._device_id,
            "timestamp": measured_at.isoformat(),
            "temperature": -18.5,
            "vibration": None,
            "power_consumption": 40.0,
            "audio_level": 100.0,
        }


def accepted(writers: list[Writer]) -> int:
    return sum(len(writer.accepted) for writer in writers)


def wait_for_more(writers: list[Writer], than: int) -> None:
    deadline = monotonic() + HEALED_SECONDS
    while accepted(writers) <= than:
        assert monotonic() < deadline, [writer.answers for writer in writers]
        sleep(0.02)


@contextmanager
def writing(app: Flask) -> Iterator[list[Writer]]:
    """Writers while the block runs; afterwards everything that they were told is there must be."""
    writers = [Writer(app, f"WRITER_{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stopping.set()
        for writer in writers:
            writer.join()
    with unit_of_work() as session:
        rows = session.execute(
            text("SELECT d.device_id, r.measured_at FROM readings r JOIN devices d ON d.id = r.device_id")
        )
        stored = {(device_id, measured_at) for device_id, measured_at in rows}
    acknowledged = {(f"WRITER_{n}", moment) for n, w in enumerate(writers) for moment in w.accepted}
    assert acknowledged <= stored
    assert set().union(*(writer.answers for writer in writers)) <= {200, 503}
    assert sum(writer.without_retry_after for writer in writers) == 0
