"""All SQL of charts and exports: columns of a fixed width, read as arrays."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.telemetry.binary import fetch
from signalcraft.telemetry.models import ROLLED_FIELDS
from signalcraft.telemetry.resolution import WIDTHS

AXES = ("vibration_x", "vibration_y", "vibration_z")
_MEASURED = ("temperature_c", *AXES, "power_percent", "audio_level")

_RAW_COLUMNS = (
    ("device", "int4"),
    ("at", "timestamptz"),
    ("late", "bool"),
    *((name, "float4") for name in _MEASURED),
)
_ROLLED_COLUMNS = (
    ("at", "timestamptz"),
    ("readings", "int4"),
    ("late", "int4"),
    *((f"{field}_{extreme}", "float4") for field in ROLLED_FIELDS for extreme in ("min", "max")),
)
_EXPORT_COLUMNS = (
    ("device", "int4"),
    ("at", "timestamptz"),
    ("received_at", "timestamptz"),
    *((name, "float4") for name in (*_MEASURED, "sensor_quality")),
    ("flawed", "bool"),
)


def raw(session: Session, device_ids: Sequence[int], *, start: datetime, end: datetime) -> NDArray[np.void]:
    """Readings of these devices in [start, end), oldest first; NaN where there is no valid value."""
    return fetch(
        session,
        "SELECT device_id, measured_at, received_at > measured_at + interval '60 s', "  # noqa: S608
        f"{_or_nan(_MEASURED)} FROM readings WHERE device_id = ANY(%(ids)s) "
        "AND measured_at >= %(start)s AND measured_at < %(end)s ORDER BY measured_at",
        {"ids": list(device_ids), "start": start, "end": end},
        _RAW_COLUMNS,
    )


def rolled(
    session: Session,
    level: Literal["minute", "hour", "day"],
    device_ids: Sequence[int],
    *,
    start: datetime,
    end: datetime,
    origin: datetime,
    step: timedelta,
) -> NDArray[np.void]:
    """Rows of a level that reach into [start, end), added up in steps from `origin`, at the steps' middle.

    Adding up here rather than in the caller spares sending a month of minutes for some hundred pixels. NaN
    where there was no valid value.
    """
    extremes = ", ".join(
        f"coalesce({extreme}({field}_{extreme}), 'NaN')"
        for field in ROLLED_FIELDS
        for extreme in ("min", "max")
    )
    return fetch(
        session,
        "SELECT date_bin(%(step)s, at + %(half)s, %(origin)s) + %(step)s / 2 AS step, "  # noqa: S608
        f"sum(readings)::int, sum(late)::int, {extremes} FROM readings_{level} "
        "WHERE device_id = ANY(%(ids)s) AND at > %(start)s AND at < %(end)s GROUP BY 1 ORDER BY 1",
        {
            "ids": list(device_ids),
            "start": start - WIDTHS[level],
            "end": end,
            "origin": origin,
            "step": step,
            "half": WIDTHS[level] / 2,
        },
        _ROLLED_COLUMNS,
    )


def export(session: Session, device_id: int, *, start: datetime, end: datetime) -> NDArray[np.void]:
    """Everything of a device's readings in [start, end), oldest first."""
    return fetch(
        session,
        "SELECT device_id, measured_at, received_at, "  # noqa: S608
        f"{_or_nan((*_MEASURED, 'sensor_quality'))}, quality IS NOT NULL FROM readings "
        "WHERE device_id = %(id)s AND measured_at >= %(start)s AND measured_at < %(end)s "
        "ORDER BY measured_at",
        {"id": device_id, "start": start, "end": end},
        _EXPORT_COLUMNS,
    )


def _or_nan(columns: Sequence[str]) -> str:
    return ", ".join(f"coalesce({column}, 'NaN')" for column in columns)
