"""Signed-in callers of the reading side, and sound for them to read."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from flask.testing import FlaskClient
from starlette.testclient import TestClient
from werkzeug.test import TestResponse

from people import Person, bearer
from signalcraft.acoustics import analysis, reception
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device


@dataclass(frozen=True)
class Reader:
    """A person's programs: they ask the api tier in that person's name."""

    api: FlaskClient
    headers: dict[str, str]

    def post(self, path: str, document: dict[str, object]) -> TestResponse:
        return self.api.post(path, json=document, headers=self.headers)

    def get(self, path: str, *, method: str = "GET", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.open(path, method=method, headers={**self.headers, **named})


def reader(api: FlaskClient, gateway: TestClient, person: Person) -> Reader:
    return Reader(api, bearer(gateway, person))


def hear(device: Device, measured_at: datetime, *, seed: int = 0, seconds: float = 2.0) -> tuple[str, str]:
    """A node's clip of a humming motor in noise, analysed: (clip id, analysis id)."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * 16_000)) / 16_000
    tones = sum(1600 / k * np.sin(2 * np.pi * 120 * k * t) for k in (1, 2, 3))
    pcm = (tones + rng.normal(0, 600, t.size)).astype("<i2").tobytes()
    with unit_of_work() as session:
        received = reception.receive_node_clip(
            session,
            device,
            pcm,
            sample_rate_hz=16_000,
            bits_per_sample=16,
            measured_at=measured_at,
            synthetic=False,
        )
    assert received.analysis_id is not None
    analysis.work_on(received.analysis_id, redelivered=False)
    return str(received.clip_id), str(received.analysis_id)
