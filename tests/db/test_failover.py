"""The server is crashed and restarted while clients write: what was acknowledged is there."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from time import monotonic, sleep

from flask import Flask
from sqlalchemy import text

from server_host import ServerHost
from signalcraft.db.session import unit_of_work

START = datetime(2026, 11, 1, tzinfo=UTC)
WRITERS = 6
AWAY_SECONDS = 2.5
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


def test_no_acknowledged_reading_is_lost_when_the_server_crashes(
    api_app: Flask, database: None, as_api: None, server_host: ServerHost
) -> None:
    writers = [Writer(api_app, f"FAILOVER_{number}") for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        wait_for_more(writers, accepted(writers) + 60)
        # All at once, in the middle of whatever it does, and back as soon as it can.
        server_host.restart("postgres", signal="SIGQUIT")
        wait_for_more(writers, accepted(writers) + 60)
        # In order, and away for longer than a request waits.
        server_host.restart("postgres", signal="SIGINT", away_seconds=AWAY_SECONDS)
        wait_for_more(writers, accepted(writers) + 60)
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
    acknowledged = {(f"FAILOVER_{n}", moment) for n, w in enumerate(writers) for moment in w.accepted}
    assert acknowledged <= stored
    assert set().union(*(writer.answers for writer in writers)) == {200, 503}
    assert sum(writer.without_retry_after for writer in writers) == 0
