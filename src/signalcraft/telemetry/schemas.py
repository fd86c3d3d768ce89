"""What a reading is on its way in and on its way out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from signalcraft.clock import iso
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.quality import Flaws


@dataclass(frozen=True)
class ReadingIn:
    """One measurement as a sender gave it, not yet judged.

    Attributes
    ----------
    values : field of `quality.RANGES` to number, in the unit the device sends.
    unreadable : field to the token that stood where a number should be.
    extra : further data of field firmware, kept as it came; `flaws` are about it.
    """

    measured_at: datetime
    values: Mapping[str, float | None] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] | None = None
    flaws: Flaws = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """Columns for a chart, oldest first, all of one length.

    Attributes
    ----------
    measured_at : milliseconds since 1970, UTC.
    fields : those of `models.ROLLED_FIELDS`; None in all of them breaks the line where nothing came.
    count : how many readings the range holds.
    reduced : whether these are the extremes of time steps instead of the readings themselves.
    level : the coarsest that any of it was read from: `raw`, `minute`, `hour` or `day`.
    late : how many of the readings came more than a minute after they were measured.
    """

    measured_at: list[int]
    fields: dict[str, list[float | None]]
    count: int
    reduced: bool
    level: str
    late: int


def reading_document(reading: Reading, *, vibration_unit: str) -> dict[str, Any]:
    """A reading as people's screens get it, in answers and in live events."""
    return {
        "measured_at": iso(reading.measured_at),
        "received_at": iso(reading.received_at),
        "temperature_c": reading.temperature_c,
        "vibration_x": reading.vibration_x,
        "vibration_y": reading.vibration_y,
        "vibration_z": reading.vibration_z,
        "vibration_unit": vibration_unit,
        "power_percent": reading.power_percent,
        "audio_level": reading.audio_level,
        "quality": reading.quality or {},
    }
