"""Old readings become rows of `readings`: judged by column, with the same rules as what nodes send today.

A row is kept when its device is known and its time is plausible; a value that is not one becomes NULL with
its reason in `quality`, as `telemetry.quality` does. The first of several rows of one device and moment
stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signalcraft.migration import cleaning, encoding
from signalcraft.migration.archive import Batch, Value
from signalcraft.migration.state import dumps
from signalcraft.telemetry.quality import RANGES, SENSOR_FAULTS, TINY, UNITS_IN_G, assess, bad

COLUMNS = (
    "device_id", "measured_at", "received_at", "temperature_c", "vibration_x", "vibration_y", "vibration_z",
    "power_percent", "audio_level", "sensor_quality", "quality", "extra",
)  # fmt: skip

_PG_EPOCH_MICROSECONDS = 946_684_800_000_000
_DAY = 86_400_000_000
FUTURE_MICROSECONDS = _DAY
"""A row that was written more than a day before its own time came from a clock that was wrong."""
SUM_SCALE = 1000.0
"""Values are added up as whole thousandths, so that no order of adding changes the sum."""


@dataclass(frozen=True)
class Layout:
    """How one kind of old table says what a reading says."""

    fields: Mapping[str, str]
    """Field of `readings` to column of the old table."""
    extra: Sequence[str] = ()
    """Columns that readings have no field for; they go to `extra`."""
    text_times: bool = False
    """Whether ISO text is how this table's writer wrote times."""


LAYOUTS: Mapping[str, Layout] = {
    "sensor_readings": Layout(
        {
            "temperature_c": "temperature",
            "vibration_x": "vibration_x",
            "vibration_y": "vibration_y",
            "vibration_z": "vibration_z",
            "power_percent": "power_consumption",
            "audio_level": "audio_level",
            "sensor_quality": "sensor_quality",
        }
    ),
    # Its audio_level is decibels, the same number as decibel_level, and not what the field means today.
    "sensor_data": Layout(
        {
            "temperature_c": "temperature",
            "vibration_x": "vibration_x",
            "vibration_y": "vibration_y",
            "vibration_z": "vibration_z",
            "power_percent": "power_consumption",
        },
        extra=("rms_energy", "decibel_level", "compressor_state"),
        text_times=True,
    ),
}
REQUIRED = frozenset({"device_id", "timestamp"})


@dataclass(frozen=True)
class Judged:
    """What a window's rows became."""

    encoded: encoding.Encoded
    kept: int
    duplicates: int
    rejects: list[tuple[int, str]]
    """Place in the batch, reason."""
    days: dict[tuple[int, date], list[int]]
    """(device, day) to rows, sum of microseconds within the day, and sums of each field in thousandths."""


def judge(
    batch: Batch,
    layout: Layout,
    devices: Mapping[bytes, tuple[int | None, str | None, str]],
    duplicates: Mapping[int, bool],
) -> Judged:
    """Judge a window.

    Parameters
    ----------
    devices : device id as it stands in the file to (our id or None, reason, vibration unit).
    duplicates : row id to whether it is the same as the first of its device and moment.
    """
    rows = len(batch.row_ids)
    reasons: dict[int, str] = {}
    device = _devices(batch.columns["device_id"], devices, reasons)
    measured = _times(batch, layout, reasons)
    for place, row_id in enumerate(batch.row_ids if duplicates else ()):
        if place not in reasons and duplicates.get(row_id) is False:
            reasons[place] = "same_device_and_time_other_values"
    same = {
        p for p, r in enumerate(batch.row_ids if duplicates else ()) if duplicates.get(r) and p not in reasons
    }
    keep = np.ones(rows, np.bool_)
    keep[list(reasons)] = False
    keep[list(same)] = False
    places = np.flatnonzero(keep)
    received = _received(batch.columns.get("created_at", [None] * rows), measured)
    values, flaws = _values(batch, layout, places, device, devices)
    _mark_future(places, measured, received, flaws)
    columns: list[encoding.Fixed | encoding.Bytes] = [
        encoding.Fixed(device[places].astype(">i4")),
        encoding.Fixed((measured[places] - _PG_EPOCH_MICROSECONDS).astype(">i8")),
        encoding.Fixed((received[places] - _PG_EPOCH_MICROSECONDS).astype(">i8")),
    ]
    for field in RANGES:
        chosen = values[field][places]
        columns.append(encoding.Fixed(chosen.astype(">f4"), np.isnan(chosen)))
    columns.append(_json({place: flaw for place, flaw in flaws.items() if flaw}, places))
    columns.append(_json(_extra(batch, layout, places), places))
    return Judged(
        encoding.encode(columns, len(places)),
        len(places),
        len(same),
        sorted(reasons.items()),
        _days(device[places], measured[places], [values[field][places] for field in RANGES]),
    )


def _devices(
    values: Sequence[Value],
    devices: Mapping[bytes, tuple[int | None, str | None, str]],
    reasons: dict[int, str],
) -> NDArray[np.int64]:
    numbers = {raw: number or 0 for raw, (number, _, _) in devices.items()}
    if (quick := _devices_of_one_length(values, numbers)) is not None:
        return quick
    found = np.zeros(len(values), np.int64)
    for place, value in enumerate(values):
        if isinstance(value, bytearray):
            number = numbers.get(bytes(value), 0)
            found[place] = number
            if not number:
                reasons[place] = devices.get(bytes(value), (None, None, ""))[1] or "device_id_unknown"
        else:
            reasons[place] = "device_id_is_not_text"
    return found


def _devices_of_one_length(values: Sequence[Value], numbers: Mapping[bytes, int]) -> NDArray[np.int64] | None:
    """The devices where all ids are text of one length and all are known; else None."""
    if {bytearray} != set(map(type, values)) or len(set(map(len, values))) != 1:  # type: ignore[arg-type]
        return None
    joined = b"".join(values)  # type: ignore[arg-type]
    if b"\x00" in joined or not joined:
        return None
    names, place = np.unique(np.frombuffer(joined, f"S{len(joined) // len(values)}"), return_inverse=True)
    found = np.array([numbers.get(name, 0) for name in names.tolist()], np.int64)
    return found[place] if found.all() else None


def _times(batch: Batch, layout: Layout, reasons: dict[int, str]) -> NDArray[np.int64]:
    """Microseconds since 1970; rows without a plausible time get a reason."""
    values = batch.columns["timestamp"]
    seconds = batch.numbers("timestamp")
    if seconds is None:
        seconds = np.array([_plain(v) for v in values], np.float64)
    plausible = (seconds >= cleaning.PLAUSIBLE_FROM) & (seconds < cleaning.PLAUSIBLE_UNTIL)
    micros = np.where(plausible, np.rint(np.where(plausible, seconds, 0.0) * 1e6), 0.0).astype(np.int64)
    for place in np.flatnonzero(~plausible).tolist():
        value = values[place]
        cleaned = cleaning.utc_text(value) if layout.text_times and isinstance(value, bytearray) else None
        if cleaned is not None and cleaned.value is not None:
            micros[place] = cleaning.microseconds(cleaned.value)
        elif place not in reasons:
            reasons[place] = _time_reason(value)
    return micros


def _time_reason(value: Value) -> str:
    if isinstance(value, bytearray):
        return "time_as_text"
    if not isinstance(value, int | float):
        return "time_missing"
    if value >= cleaning.MILLISECONDS_FROM:
        return "time_in_milliseconds"
    if value >= cleaning.PLAUSIBLE_UNTIL:
        return "time_in_the_future"
    return "time_since_boot" if value > 0 else "time_not_positive"


def _received(values: Sequence[Value], measured: NDArray[np.int64]) -> NDArray[np.int64]:
    """When the old server wrote the row (SQLite's CURRENT_TIMESTAMP, UTC); where unknown, its own time."""
    if {bytearray}.issuperset(map(type, values)) and set(map(len, values)) == {19}:  # type: ignore[arg-type]
        joined = b"".join(values)  # type: ignore[arg-type]
    else:
        usual = (isinstance(v, bytearray) and len(v) == 19 for v in values)
        joined = b"".join(v if u else b"1970-01-01 00:00:00" for u, v in zip(usual, values, strict=True))  # type: ignore[misc]
    try:
        parsed = np.frombuffer(joined, "S19").astype("M8[us]").astype(np.int64)
    except ValueError:
        parsed = np.zeros(len(values), np.int64)
    for place in np.flatnonzero(parsed <= 0).tolist():
        cleaned = cleaning.utc_text(values[place])
        parsed[place] = measured[place] if cleaned.value is None else cleaning.microseconds(cleaned.value)
    return parsed


def _values(
    batch: Batch,
    layout: Layout,
    places: NDArray[np.int64],
    device: NDArray[np.int64],
    devices: Mapping[bytes, tuple[int | None, str | None, str]],
) -> tuple[dict[str, NDArray[np.float64]], dict[int, dict[str, Any]]]:
    """Each field's values (NaN: none) and, for rows with a flaw, what `quality` says."""
    rows = len(batch.row_ids)
    kept = np.zeros(rows, np.bool_)
    kept[places] = True
    unit = {number: name for number, _, name in devices.values() if number}
    in_g = np.ones(rows)
    for known, name in unit.items():
        if name != "g":
            in_g[device == known] = UNITS_IN_G[name]
    suspects = np.zeros(rows, np.bool_)
    values: dict[str, NDArray[np.float64]] = {}
    for field, (lowest, highest) in RANGES.items():
        name = layout.fields.get(field, "")
        column = batch.columns.get(name)
        if column is None:
            values[field] = np.full(rows, np.nan)
            continue
        plain = batch.numbers(name)
        number = np.array([_plain(v) for v in column]) if plain is None else plain.copy()
        scaled = number * in_g if field.startswith("vibration_") else number
        odd = scaled < lowest
        odd |= scaled > highest
        for fault in SENSOR_FAULTS.get(field, {}):
            odd |= number == fault
        odd |= (np.abs(number) < TINY) & (number != 0)
        if plain is None:
            odd |= np.fromiter((isinstance(v, bytes | bytearray) for v in column), np.bool_, rows)
        suspects |= kept & odd
        values[field] = number
    flaws: dict[int, dict[str, Any]] = {}
    for place in np.flatnonzero(suspects).tolist():
        raw = {field: batch.columns.get(name, [None] * rows)[place] for field, name in layout.fields.items()}
        judged, flaw = _assess(raw, unit.get(int(device[place]), "g"))
        for field, value in judged.items():
            values[field][place] = np.nan if value is None else value
        flaws[place] = flaw
    return values, flaws


def _plain(value: Value) -> float:
    return np.nan if value is None or isinstance(value, bytes | bytearray) else float(value)


def _assess(raw: Mapping[str, Value], unit: str) -> tuple[dict[str, float | None], dict[str, Any]]:
    """One row by the rules of `telemetry.quality`; text that is a number counts, and says so."""
    numbers: dict[str, float | None] = {}
    unreadable: dict[str, str] = {}
    infinite: dict[str, Any] = {}
    for field, value in raw.items():
        cleaned = cleaning.number(value)
        numbers[field] = cleaned.value
        if cleaned.value is None and cleaned.flaw:
            if isinstance(value, float):
                infinite[field] = bad("not_finite", repr(value))
            else:
                unreadable[field] = (cleaning.text(value).value or "")[:40]
    judged, flaws = assess(numbers, vibration_unit=unit, unreadable=unreadable)
    return judged, {**flaws, **infinite}


def _mark_future(
    places: NDArray[np.int64],
    measured: NDArray[np.int64],
    received: NDArray[np.int64],
    flaws: dict[int, dict[str, Any]],
) -> None:
    """A time after the row was written is kept, the key says when, but it is marked as doubtful."""
    later = places[measured[places] > received[places] + FUTURE_MICROSECONDS]
    for place in later.tolist():
        mark = {"code": "uncertain", "reason": "later_than_it_was_written", "raw": int(measured[place]) / 1e6}
        flaws.setdefault(place, {})["measured_at"] = mark


def _extra(batch: Batch, layout: Layout, places: NDArray[np.int64]) -> dict[int, dict[str, Any]]:
    if not layout.extra:
        return {}
    found: dict[int, dict[str, Any]] = {}
    for place in places.tolist():
        extra = {
            name: cleaning.number(batch.columns[name][place]).value
            for name in layout.extra
            if name in batch.columns
        }
        found[place] = {name: value for name, value in extra.items() if value is not None}
    return {place: extra for place, extra in found.items() if extra}


def _json(documents: Mapping[int, Any], places: NDArray[np.int64]) -> encoding.Bytes | encoding.Fixed:
    """A jsonb column: version byte, then the text."""
    if not documents:
        return encoding.Fixed(np.zeros(len(places), ">i4"), np.ones(len(places), np.bool_))
    return encoding.Bytes(
        [b"\x01" + dumps(documents[place]) if place in documents else None for place in places.tolist()]
    )


def _days(
    device: NDArray[np.int64], measured: NDArray[np.int64], values: Sequence[NDArray[np.float64]]
) -> dict[tuple[int, date], list[int]]:
    if not len(device):
        return {}
    day = measured // _DAY
    key = device * 1_000_000 + day
    unique, group = np.unique(key, return_inverse=True)
    sums = [np.bincount(group, minlength=len(unique)), _sum(group, measured - day * _DAY, len(unique))]
    for column in values:
        thousandths = np.rint(np.nan_to_num(column.astype(np.float32).astype(np.float64)) * SUM_SCALE)
        sums.append(_sum(group, thousandths.astype(np.int64), len(unique)))
    return {
        (int(k // 1_000_000), date(1970, 1, 1) + timedelta(days=int(k % 1_000_000))): [
            int(s[i]) for s in sums
        ]
        for i, k in enumerate(unique.tolist())
    }


def _sum(group: NDArray[np.int64], values: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Sums by group, exact: a window's 20,000 rows of less than 86,400,000,000 stay under 2**53."""
    return np.bincount(group, weights=values, minlength=size).astype(np.int64)
