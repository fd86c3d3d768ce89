"""What a node does."""

import random
import time
from datetime import UTC, datetime

from signalcraft.systemtest.visit import JourneyError, Visit

_LOOK_S = 0.2
_CLIP_HZ = 16_000
_CLIP_S = 0.5
"""Too short to be judged: it goes all the way to the worker and back, and nothing is learned from it, nor
can it ring an alarm."""


def send_reading(visit: Visit) -> None:
    """One reading is stored."""
    visit.send("POST", "/api/iot/sensors/data", json=_reading(visit, time.time()), headers=visit.as_node)


def send_batch(visit: Visit) -> None:
    """Three readings are stored together."""
    now = time.time()
    batch = [_reading(visit, now - ago_s) for ago_s in (3.0, 2.0, 1.0)]
    answer = visit.document("POST", "/api/iot/sensors/data/batch", json=batch, headers=visit.as_node)
    if answer["stored"] != len(batch):
        raise JourneyError(f"{answer['stored']} of {len(batch)} readings were stored")


def send_clip(visit: Visit) -> None:
    """A clip is taken in, the worker analyses it, and the result can be read."""
    headers = visit.as_node | {
        "Content-Type": "application/octet-stream",
        "X-Device-ID": visit.credentials.device_id,
        "X-Sample-Rate": str(_CLIP_HZ),
        "X-Bits-Per-Sample": "16",
        "X-Measured-At": datetime.now(UTC).isoformat(),
    }
    clip = random.randbytes(round(2 * _CLIP_HZ * _CLIP_S))  # noqa: S311 - noise
    analysis = visit.document("POST", "/api/esp32/audio/upload", content=clip, headers=headers)["analysis_id"]
    while True:
        job = visit.document("GET", f"/api/ai/jobs/{analysis}", headers=visit.as_program)["job"]
        if job["state"] == "failed":
            raise JourneyError(f"the analysis failed: {job['reason']}")
        if job["result"] is not None:
            return
        time.sleep(min(_LOOK_S, visit.left_s()))


def _reading(visit: Visit, at: float) -> dict[str, object]:
    """A freezer that is well."""
    return {
        "device_id": visit.credentials.device_id,
        "timestamp": at,
        "temperature": -18.0,
        "vibration": {"x": 0.0, "y": 0.0, "z": 1.0},
        "power_consumption": 40.0,
        "audio_level": 100.0,
    }
