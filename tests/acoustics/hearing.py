"""A machine that can be heard in the tests, and what is found in its sound."""

from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from signalcraft.acoustics import analysis as analyses
from signalcraft.acoustics import reception
from signalcraft.acoustics.models import Analysis
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device
from signalcraft.settings import get_settings

RATE = 16_000


def hum(seed: int, *, seconds: float = 2.0, extra: float = 0.0) -> bytes:
    """A machine's sound: mains harmonics in noise; `extra` adds a whine at 3 kHz."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    tone = sum(0.05 / k * np.sin(2 * np.pi * 120 * k * t + rng.uniform(0, 6)) for k in (1, 2, 3))
    sound: NDArray[np.float64] = (
        tone + 0.02 * rng.standard_normal(t.size) + extra * np.sin(2 * np.pi * 3000 * t)
    )
    return (sound * 32767).astype("<i2").tobytes()


def receive(device: Device, pcm: bytes, *, measured_at: datetime | None = None) -> reception.ReceivedClip:
    with unit_of_work() as session:
        return reception.receive_node_clip(
            session, device, pcm, sample_rate_hz=RATE, bits_per_sample=16, measured_at=measured_at
        )


def hear(device: Device, pcm: bytes, *, measured_at: datetime | None = None) -> Analysis:
    received = receive(device, pcm, measured_at=measured_at)
    assert received.analysis_id is not None
    analyses.work_on(received.analysis_id, redelivered=False)
    return fetch(received.analysis_id)


def fetch(analysis_id: UUID) -> Analysis:
    with unit_of_work() as session:
        return session.get_one(Analysis, analysis_id)


def teach(device: Device, *, begin: datetime | None = None, first: int = 0) -> None:
    """Healthy clips until the machine is known; five minutes apart if they have a time at all."""
    for number in range(get_settings().baseline_clips):
        at = None if begin is None else begin + number * timedelta(minutes=5)
        assert hear(device, hum(first + number), measured_at=at).verdict == "learning"


def raise_alarm(device: Device) -> Analysis:
    """A sudden grave change: the second clip of it raises; that clip."""
    hear(device, hum(1, extra=0.3))
    return hear(device, hum(2, extra=0.3))
