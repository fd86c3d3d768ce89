"""Recording what devices measure, and reading it back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.fleet.models import Device
from signalcraft.telemetry import queries
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.quality import UNITS_IN_G
from signalcraft.telemetry.schemas import Series

CHART_FIELDS = ("temperature_c", "vibration_g", "power_percent", "audio_level")


def recent_readings(
    session: Session, device: Device, *, span: timedelta, limit: int
) -> tuple[Sequence[Reading], datetime, datetime]:
    """Readings of the last `span`, newest first, with the range they were looked for in."""
    end = utc_now()
    start = end - span
    return queries.between(session, device.id, start=start, end=end, limit=limit), start, end


def recent_features(
    session: Session, devices: Sequence[Device], *, span: timedelta, limit: int
) -> Sequence[Reading]:
    """The newest feature messages of these devices within `span`, newest first."""
    device_ids = [device.id for device in devices]
    return queries.newest_with_extra(session, device_ids, since=utc_now() - span, limit=limit)


def series(
    session: Session, devices: Sequence[Device], *, start: datetime, end: datetime, points: int
) -> Series:
    """The readings of a machine's devices for a chart that is `points` wide.

    More readings than points become two points a time step, its lowest and its highest value of each field,
    so that no peak is lost.
    """
    g_per_unit = {device.id: UNITS_IN_G[device.vibration_unit] for device in devices}
    steps = max(points // 2, 1)
    envelope = queries.extremes(session, g_per_unit, start=start, end=end, steps=steps)
    count = sum(row[1] for row in envelope)
    if count <= points:
        rows = queries.raw_series(session, g_per_unit, start=start, end=end)
        times = [round(row[0]) for row in rows]
        columns = [[row[place] for row in rows] for place in range(1, 5)]
    else:
        step_ms = (end - start).total_seconds() * 1000 / steps
        start_ms = start.timestamp() * 1000
        times = [round(start_ms + (row[0] + part) * step_ms) for row in envelope for part in (0.25, 0.75)]
        columns = [
            [row[place + extreme] for row in envelope for extreme in (0, 1)] for place in range(2, 10, 2)
        ]
    return Series(times, dict(zip(CHART_FIELDS, columns, strict=True)), count, reduced=count > points)
