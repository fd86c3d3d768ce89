"""Which numbers are measurements and which are only what a broken sensor says."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

STANDARD_GRAVITY = 9.80665
"""m/s² per g, by definition."""

UNITS_IN_G: Mapping[str, float] = {"g": 1.0, "m/s2": 1.0 / STANDARD_GRAVITY}
"""What one unit of `Device.vibration_unit` is in g."""

SENSOR_FAULTS: Mapping[str, Mapping[float, str]] = {
    # DS18B20: the driver's answer without a sensor, and the register's content before the first conversion.
    # A real 85.0 °C is nothing a cold store or its compressor housing reaches and holds to a 1/16 degree.
    "temperature_c": {-127.0: "sensor_disconnected", 85.0: "power_on_value"},
}

RANGES: Mapping[str, tuple[float, float]] = {
    "temperature_c": (-55.0, 125.0),  # DS18B20 data sheet
    "vibration_x": (-16.0, 16.0),  # ADXL345 in its ±16 g range, in g
    "vibration_y": (-16.0, 16.0),
    "vibration_z": (-16.0, 16.0),
    "power_percent": (0.0, 100.0),  # the firmware maps its converter's range to this
    "audio_level": (0.0, 32768.0),  # mean of |16-bit samples|
    "sensor_quality": (0.0, 1.0),
}
"""Fields of a reading with the range their sensor can measure."""

TINY = 1e-37
"""Below this PostgreSQL's `real` refuses a number instead of rounding it to zero."""

Flaws = dict[str, dict[str, Any]]


def bad(reason: str, raw: float | str) -> dict[str, Any]:
    """The mark of a value that is not one, in the words of OPC UA."""
    return {"code": "bad", "reason": reason, "raw": raw}


def assess(
    values: Mapping[str, float | None], *, vibration_unit: str, unreadable: Mapping[str, str] | None = None
) -> tuple[dict[str, float | None], Flaws]:
    """Split what was sent into values and flaws.

    Parameters
    ----------
    values : field of `RANGES` to number; °C, `vibration_unit`, %, level.
    vibration_unit : `g` or `m/s2`.
    unreadable : field to the token (`nan`, `inf`, …) that stood in its place.

    Returns
    -------
    values : every field of `RANGES`, None where there is no valid value.
    flaws : field to `{"code": "bad", "reason": …, "raw": …}`.
    """
    unreadable = unreadable or {}
    kept: dict[str, float | None] = {}
    flaws: Flaws = {}
    for field, (lowest, highest) in RANGES.items():
        scale = UNITS_IN_G[vibration_unit] if field.startswith("vibration_") else 1.0
        value = values.get(field)
        kept[field] = None
        if field in unreadable:
            flaws[field] = bad("unreadable_number", unreadable[field])
        elif value is None:
            continue
        elif reason := SENSOR_FAULTS.get(field, {}).get(value):
            flaws[field] = bad(reason, value)
        elif not lowest <= value * scale <= highest:
            flaws[field] = bad("out_of_range", value)
        else:
            kept[field] = value if abs(value) >= TINY else 0.0
    return kept, flaws


_LOWEST, _HIGHEST = (np.array(bounds) for bounds in zip(*RANGES.values(), strict=True))
_IS_ACCELERATION = np.array([field.startswith("vibration_") for field in RANGES])


def judge(
    sent: NDArray[np.float64], g_per_unit: NDArray[np.float64], flaws: NDArray[np.object_]
) -> tuple[NDArray[np.float32], NDArray[np.object_]]:
    """Split what was sent into values and flaws, by column.

    Parameters
    ----------
    sent : [row, field of `RANGES` in order]; NaN where nothing was sent.
    g_per_unit : each row's unit of acceleration.
    flaws : each row's flaws that are known already, or None.

    Returns
    -------
    values : as sent, NaN where there is no valid value.
    flaws : each row's flaws with those found here, or None.
    """
    scaled = np.where(_IS_ACCELERATION, sent * g_per_unit[:, np.newaxis], sent)
    is_bad = (scaled < _LOWEST) | (scaled > _HIGHEST)
    for place, field in enumerate(RANGES):
        for value in SENSOR_FAULTS.get(field, {}):
            is_bad[:, place] |= sent[:, place] == value
    values = np.where(is_bad | (np.abs(sent) < TINY), np.where(is_bad, np.nan, 0.0), sent)
    if is_bad.any():
        flaws = flaws.copy()
        fields = list(RANGES)
        for row, place in zip(*(index.tolist() for index in np.nonzero(is_bad)), strict=True):
            field, value = fields[place], float(sent[row, place])
            reason = SENSOR_FAULTS.get(field, {}).get(value, "out_of_range")
            flaws[row] = {**(flaws[row] or {}), field: bad(reason, value)}
    return values.astype(np.float32), flaws


def vibration_g(axes: NDArray[np.float64], gravity: NDArray[np.float64]) -> NDArray[np.float64]:
    """How hard it shakes: the length of acceleration minus gravity.

    `|a - G|` and not `|a| - 1`: shaking across the direction of gravity hardly changes the length of the sum
    (0.1 g makes 0.005 g of it), while the difference of the vectors is the same in every direction.

    While gravity is not known it may be in the values or not: the smaller of `|a|` and `||a| - 1|` is taken,
    so that a sensor at rest never rings.

    Parameters
    ----------
    axes : [row, 3] in g, as the sensor measures, NaN where an axis has no valid value.
    gravity : [row, 3] in g, what it measures at rest (`gravity.py`): zero where the firmware removes it, NaN
        where it is not known.

    Returns
    -------
    In g, 0 or more; NaN where an axis is missing.
    """
    unknown = np.isnan(gravity[:, 0])
    length = _lengths(np.where(unknown[:, np.newaxis], axes, axes - gravity))
    return np.where(unknown, np.minimum(length, np.abs(length - 1.0)), length)


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return found
