"""Charts: any range of any device, in as many points as a screen can show, with every peak and gap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.fleet.models import Device
from signalcraft.telemetry import gravity, resolution, rollup_queries
from signalcraft.telemetry import series_queries as queries
from signalcraft.telemetry.models import ROLLED_FIELDS
from signalcraft.telemetry.quality import UNITS_IN_G, vibration_g
from signalcraft.telemetry.resolution import WIDTHS, Piece
from signalcraft.telemetry.schemas import Series
from signalcraft.telemetry.times import microseconds

GAP_RHYTHMS = 5.0
"""Nothing for five times the usual interval is a gap: a line across it would claim what nobody measured."""
DECIMALS = 5
"""More than any of the sensors resolves, and fewer than `real` needs to look odd (-18.200001)."""


@dataclass(frozen=True)
class _Rows:
    """Readings or rows of roll-ups, by time; `low` and `high` are [row, place in ROLLED_FIELDS]."""

    at_us: NDArray[np.int64]
    count: NDArray[np.int64]
    late: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def series(
    session: Session, devices: Sequence[Device], *, start: datetime, end: datetime, points: int
) -> Series:
    """The readings of a machine's devices in [start, end] for a chart of `points`.

    More readings than points become two points a time step, its lowest and its highest value of each field,
    so that no peak is lost. Where nothing came for GAP_RHYTHMS times the usual interval, a point without
    values breaks the line. The caller has checked who asks.
    """
    steps = max(points // 2, 1)
    end += timedelta(microseconds=1)  # from here on it is excluded
    step = (end - start) / steps
    pieces = resolution.plan(
        start,
        end,
        step=step,
        now=utc_now(),
        kept_since=rollup_queries.kept_since(session),
        progress=rollup_queries.progress(session),
    )
    rows = _joined([_read(session, devices, piece, start, step) for piece in pieces])
    reduced = len(rows.at_us) > points or any(piece.level != "raw" for piece in pieces)
    count, late = int(rows.count.sum()), int(rows.late.sum())
    if reduced:
        rows = _steps(rows, start, end, steps)
    rows = _with_gaps(rows)
    if reduced:
        width = step // timedelta(microseconds=4)
        at_us = np.stack([rows.at_us - width, rows.at_us + width], axis=1).ravel()
        values = np.stack([rows.low, rows.high], axis=1).reshape(-1, len(ROLLED_FIELDS))
    else:
        at_us, values = rows.at_us, rows.low
    return Series(
        measured_at=(at_us // 1000).tolist(),
        fields={field: _numbers(values[:, place]) for place, field in enumerate(ROLLED_FIELDS)},
        count=count,
        reduced=reduced,
        level=max((piece.level for piece in pieces), key=lambda level: WIDTHS[level]),
        late=late,
    )


def _read(
    session: Session, devices: Sequence[Device], piece: Piece, origin: datetime, step: timedelta
) -> _Rows:
    if piece.level == "raw":
        return _raw(session, devices, piece)
    found = queries.rolled(
        session,
        piece.level,
        [device.id for device in devices],
        start=piece.start,
        end=piece.end,
        origin=origin,
        step=step,
    )
    low, high = (
        np.stack([found[f"{field}_{extreme}"] for field in ROLLED_FIELDS], axis=1).astype(np.float64)
        for extreme in ("min", "max")
    )
    return _Rows(
        found["at"].astype(np.int64),
        found["readings"].astype(np.int64),
        found["late"].astype(np.int64),
        low,
        high,
    )


def _raw(session: Session, devices: Sequence[Device], piece: Piece) -> _Rows:
    found = queries.raw(session, [device.id for device in devices], start=piece.start, end=piece.end)
    at_us = found["at"].astype(np.int64)
    values = np.stack(
        [
            found["temperature_c"],
            vibrations(session, devices, found),
            found["power_percent"],
            found["audio_level"],
        ],
        axis=1,
    ).astype(np.float64)
    return _Rows(at_us, np.ones(len(found), np.int64), found["late"].astype(np.int64), values, values)


def vibrations(session: Session, devices: Sequence[Device], found: NDArray[np.void]) -> NDArray[np.float64]:
    """How hard it shook at each of these readings (`device`, `at`, the axes), in g.

    Of a device whose gravity is not learned yet, what these readings themselves tell of it is taken.
    """
    device = found["device"].astype(np.int64)
    axes = np.stack([found[axis] for axis in queries.AXES], axis=1).astype(np.float64)
    known = gravity.known(session, [one.id for one in devices])
    rest = known.at(device, found["at"].astype(np.int64))
    for one in devices:
        rows = device == one.id
        axes[rows] *= UNITS_IN_G[one.vibration_unit]
        whole = rows & ~np.isnan(axes.sum(axis=1))
        if whole.any() and np.isnan(rest[rows]).any():
            rest[rows] = gravity.of_mean(axes[whole].mean(axis=0))
    return vibration_g(axes, rest)


def _joined(parts: Sequence[_Rows]) -> _Rows:
    return _Rows(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("at_us", "count", "late", "low", "high")
        )
    )


def _steps(rows: _Rows, start: datetime, end: datetime, steps: int) -> _Rows:
    """The extremes of equal time steps that hold anything, at their middle."""
    if not len(rows.at_us):
        return rows
    start_us, span_us = microseconds(start), (end - start) // timedelta(microseconds=1)
    step = np.clip((rows.at_us - start_us) * steps // span_us, 0, steps - 1)
    first = np.flatnonzero(np.diff(step, prepend=-1))
    return _Rows(
        start_us + (2 * step[first] + 1) * span_us // (2 * steps),
        np.add.reduceat(rows.count, first),
        np.add.reduceat(rows.late, first),
        np.fmin.reduceat(rows.low, first),
        np.fmax.reduceat(rows.high, first),
    )


def _with_gaps(rows: _Rows) -> _Rows:
    """A row without values in the middle of each stretch in which unusually long nothing came."""
    between = np.diff(rows.at_us)
    if not len(between):
        return rows
    usual = np.median(between[between > 0]) if between.any() else 0
    gaps = np.flatnonzero(between > GAP_RHYTHMS * usual)
    nothing = np.full((len(gaps), len(ROLLED_FIELDS)), np.nan)
    zero = np.zeros(len(gaps), np.int64)
    middle = rows.at_us[gaps] + between[gaps] // 2
    return _Rows(
        np.insert(rows.at_us, gaps + 1, middle),
        np.insert(rows.count, gaps + 1, zero),
        np.insert(rows.late, gaps + 1, zero),
        np.insert(rows.low, gaps + 1, nothing, axis=0),
        np.insert(rows.high, gaps + 1, nothing, axis=0),
    )


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else value for value in np.round(values, DECIMALS).tolist()]  # NaN
