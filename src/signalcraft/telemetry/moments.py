"""What a machine's sensors said around one moment: for whoever judges something else of that moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from statistics import fmean, pvariance

from sqlalchemy.orm import Session

from signalcraft.fleet.models import Device
from signalcraft.telemetry import queries
from signalcraft.telemetry.quality import UNITS_IN_G

BEFORE = timedelta(minutes=10)
"""How far back the slope of the temperature looks: a defrost or an open door shows within minutes."""
AFTER = timedelta(seconds=15)
"""A reading of the same moment may bear a slightly later time; what came later still was not known then."""
NEAR = timedelta(seconds=90)
"""Three of the 30 s intervals in which nodes send: an older value says nothing of this moment."""
STEP_S = 30.0
"""A compressor that starts too often still runs for a minute or two; nodes send at least every 30 s."""
MIN_SLOPE_READINGS = 4
MIN_SLOPE_SPAN = timedelta(minutes=2)
MIN_VIBRATION_READINGS = 4
"""With fewer, gravity cannot be told from vibration."""
GRAVITY_G = 0.8
"""A mean vector this long holds gravity: no compressor shakes a shelf by as much in one direction."""


@dataclass(frozen=True)
class Moment:
    """None where there was no valid reading near enough.

    power_percent, temperature_c: as measured nearest to the moment. temperature_slope_c_per_min: over the
    minutes before. vibration_g: root mean square of the acceleration around its mean (gravity), in g.
    """

    power_percent: float | None = None
    temperature_c: float | None = None
    temperature_slope_c_per_min: float | None = None
    vibration_g: float | None = None


def moment(session: Session, devices: Sequence[Device], at: datetime) -> Moment:
    """The machine's readings at `at`. The caller has checked who asks."""
    if not devices:
        return Moment()
    rows = queries.of_devices_between(
        session,
        {device.id: UNITS_IN_G[device.vibration_unit] for device in devices},
        start=at - BEFORE,
        end=at + AFTER,
    )
    power = [(row[0], row[1]) for row in rows if row[1] is not None]
    temperature = [(row[0], row[2]) for row in rows if row[2] is not None]
    acceleration = [
        (row[3], row[4], row[5])
        for row in rows
        if None not in (row[3], row[4], row[5]) and abs(row[0] - at) <= NEAR
    ]
    return Moment(
        power_percent=_nearest(power, at),
        temperature_c=_nearest(temperature, at),
        temperature_slope_c_per_min=_slope_per_min(temperature),
        vibration_g=_vibration(acceleration),
    )


def power_course(
    session: Session, devices: Sequence[Device], *, until: datetime, over: timedelta
) -> list[tuple[float, float]]:
    """(seconds since 1970, power in per cent) in steps of STEP_S up to a moment, where it was measured."""
    if not devices:
        return []
    rows = queries.power_course(
        session, [device.id for device in devices], start=until - over, end=until, step_s=STEP_S
    )
    return [(float(at), float(power)) for at, power in rows]


def _nearest(values: Sequence[tuple[datetime, float]], at: datetime) -> float | None:
    near = [(abs(moment - at), value) for moment, value in values if abs(moment - at) <= NEAR]
    return min(near)[1] if near else None


def _slope_per_min(values: Sequence[tuple[datetime, float]]) -> float | None:
    """Least squares; None for too few values or too short a time."""
    if len(values) < MIN_SLOPE_READINGS or values[-1][0] - values[0][0] < MIN_SLOPE_SPAN:
        return None
    minutes = [(moment - values[0][0]).total_seconds() / 60 for moment, _ in values]
    mean_minute, mean_value = fmean(minutes), fmean(value for _, value in values)
    spread = sum((minute - mean_minute) ** 2 for minute in minutes)
    joint = sum(
        (minute - mean_minute) * (value - mean_value)
        for minute, (_, value) in zip(minutes, values, strict=True)
    )
    return joint / spread


def _vibration(acceleration: Sequence[tuple[float, float, float]]) -> float | None:
    """Firmware sends either raw acceleration, in which gravity stands, or what is left without it."""
    if not acceleration:
        return None
    axes = list(zip(*acceleration, strict=True))
    if sqrt(sum(fmean(axis) ** 2 for axis in axes)) < GRAVITY_G:
        return sqrt(sum(fmean([value**2 for value in axis]) for axis in axes))
    if len(acceleration) < MIN_VIBRATION_READINGS:
        return None
    return sqrt(sum(pvariance(axis) for axis in axes))
