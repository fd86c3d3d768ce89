"""All SQL of the roll-ups."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from signalcraft.telemetry.aggregates import COUNTS, Aggregates, of_sketches
from signalcraft.telemetry.binary import BinaryArray, array, array_of_bytes, fetch, numbers
from signalcraft.telemetry.models import ROLLED_FIELDS

Level = Literal["minute", "hour", "day"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Devices, and minutes since 1970, place by place."""


_KINDS: Sequence[tuple[str, str]] = [
    ("device_id", "int4"),
    ("at", "timestamptz"),
    *((name, "int4") for name in COUNTS),
    *((f"axes_{axis}", "float8") for axis in "xyz"),
    *(
        (f"{field}_{name}", kind)
        for field in ROLLED_FIELDS
        for name, kind in (
            ("n", "int4"), ("min", "float4"), ("max", "float4"), ("sum", "float8"), ("squares", "float8"),
        )
    ),
]  # fmt: skip
"""The columns of each level that hold numbers, and how they travel: NaN in place of NULL."""
_SKETCHES = [f"{field}_sketch" for field in ROLLED_FIELDS]
_READ = ", ".join(
    [f"coalesce(r.{name}, 'NaN')" if kind.startswith("float") else f"r.{name}" for name, kind in _KINDS]
    + [f"coalesce(r.{name}, '')" for name in _SKETCHES]
)


def _store_statement(level: Level) -> TextClause:
    """Columns in, as arrays: a statement for each row would take five times as long."""
    names = [name for name, _ in _KINDS] + _SKETCHES
    arrays = [f"cast(:{name} AS {kind}[])" for name, kind in _KINDS]
    arrays += [f"cast(:{name} AS bytea[])" for name in _SKETCHES]
    values = [f"nullif({name}, 'NaN')" if kind.startswith("float") else name for name, kind in _KINDS]
    changed = ", ".join(f"{name} = excluded.{name}" for name in names[2:])
    return text(
        f"INSERT INTO readings_{level} ({', '.join(names)}) "  # noqa: S608
        f"SELECT {', '.join(values + _SKETCHES)} FROM unnest({', '.join(arrays)}) AS rolled "
        f"({', '.join(names)}) ON CONFLICT (device_id, at) DO UPDATE SET {changed}"
    )


_STORE: Mapping[Level, TextClause] = {level: _store_statement(level) for level in ("minute", "hour", "day")}


def moment_of(us: int) -> datetime:
    """A moment from microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=int(us))


_ADD_MARKS = text(
    "INSERT INTO rollup_marks (level, device_ids, minutes) "
    "VALUES (:level, cast(:device_ids AS int[]), cast(:minutes AS int[]))"
)


def add_marks(
    session: Session, level: Literal["minute", "hour"], device: NDArray[Any], minute: NDArray[np.int64]
) -> None:
    """One row for all of them: a row each would cost as much as a third of storing the readings."""
    if not len(device):
        return
    session.execute(
        _ADD_MARKS,
        {"level": level, "device_ids": array("int4", device), "minutes": array("int4", minute)},
    )


def take_marks(
    session: Session, level: Literal["minute", "hour"], *, before: datetime, mentions: int
) -> Pairs:
    """Remove marks noted before then, oldest first, a row at least; their pairs, some repeated.

    mentions : how many pairs they may hold together.
    """
    taken = session.execute(
        text(
            "DELETE FROM rollup_marks WHERE id IN (SELECT id FROM (SELECT id, "
            "sum(cardinality(device_ids)) OVER (ORDER BY id) - cardinality(device_ids) AS earlier "
            "FROM rollup_marks WHERE level = :level AND noted_at < :before ORDER BY id LIMIT :mentions) due "
            "WHERE earlier < :mentions) RETURNING array_send(device_ids), array_send(minutes)"
        ),
        {"level": level, "before": before, "mentions": mentions},
    ).all()
    none = np.empty(0, np.int64)
    device, minute = (
        np.concatenate([none, *(numbers(bytes(row[place]), "int4") for row in taken)]) for place in (0, 1)
    )
    return device, minute


def begin_rolling(session: Session, level: Literal["minute", "hour"]) -> tuple[datetime, datetime] | None:
    """Lock this level until the transaction ends.

    Returns
    -------
    (before which all marks are worked off, the server's clock), None while another process has the lock.
    """
    session.execute(
        text(
            "INSERT INTO rollup_progress (level, noted_before) VALUES (:level, '2000-01-01Z') "
            "ON CONFLICT DO NOTHING"
        ),
        {"level": level},
    )
    row = session.execute(
        text(
            "SELECT noted_before, clock_timestamp() FROM rollup_progress WHERE level = :level "
            "FOR UPDATE SKIP LOCKED"
        ),
        {"level": level},
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def set_progress(session: Session, level: Literal["minute", "hour"], noted_before: datetime) -> None:
    session.execute(
        text("UPDATE rollup_progress SET noted_before = :before WHERE level = :level"),
        {"level": level, "before": noted_before},
    )


def progress(session: Session) -> dict[str, datetime]:
    """Of each level, before which all marks are worked off."""
    rows = session.execute(text("SELECT level, noted_before FROM rollup_progress"))
    return {key: value for key, value in rows}  # noqa: C416  # rows are no pairs to mypy


_RAW_COLUMNS = (
    ("device", "int4"),
    ("at", "timestamptz"),
    ("late", "bool"),
    ("flawed", "bool"),
    *((name, "float4") for name in ("x", "y", "z", "temperature_c", "power_percent", "audio_level")),
)


def readings_of(session: Session, pairs: Pairs) -> NDArray[np.void]:
    """The readings of these minutes of these devices, by device, then time."""
    device, minute = pairs
    starts = [moment_of(int(one) * 60_000_000) for one in (minute.min(), minute.max() + 1)]
    return fetch(
        session,
        """
        SELECT r.device_id, r.measured_at, r.received_at > r.measured_at + interval '60 s',
            r.quality IS NOT NULL, coalesce(r.vibration_x, 'NaN'), coalesce(r.vibration_y, 'NaN'),
            coalesce(r.vibration_z, 'NaN'), coalesce(r.temperature_c, 'NaN'),
            coalesce(r.power_percent, 'NaN'), coalesce(r.audio_level, 'NaN')
        FROM unnest(%(devices)s::int[], %(minutes)s::int[]) AS pair (device, minute)
        JOIN readings r ON r.device_id = pair.device
            AND r.measured_at >= to_timestamp(pair.minute * 60)
            AND r.measured_at < to_timestamp(pair.minute * 60 + 60)
        WHERE r.measured_at >= %(first)s AND r.measured_at < %(last)s
        """,
        {
            "devices": array("int4", device),
            "minutes": array("int4", minute),
            "first": starts[0],
            "last": starts[1],
        },
        _RAW_COLUMNS,
    )


def units(session: Session, device_ids: Sequence[int]) -> dict[int, str]:
    """The unit of acceleration of each device."""
    rows = session.execute(
        text("SELECT id, vibration_unit FROM devices WHERE id = ANY(:ids)"), {"ids": list(device_ids)}
    )
    return {key: value for key, value in rows}  # noqa: C416  # rows are no pairs to mypy


def aggregates_between(
    session: Session, level: Level, ranges: tuple[NDArray[np.int64], NDArray[np.int64]], *, span: timedelta
) -> Aggregates:
    """The rows of a level within `span` from these starts (device, microseconds), to be added up further."""
    device, start_us = ranges
    rows = fetch(
        session,
        f"SELECT {_READ} FROM unnest(%(devices)s::int[], %(starts)s::timestamptz[]) "  # noqa: S608
        f"AS asked (device, start) JOIN readings_{level} r ON r.device_id = asked.device "
        "AND r.at >= asked.start AND r.at < asked.start + %(span)s "
        "WHERE r.at >= %(first)s AND r.at < %(last)s",
        {
            "devices": array("int4", device),
            "starts": array("timestamptz", start_us),
            "span": span,
            "first": moment_of(int(start_us.min())),
            "last": moment_of(int(start_us.max())) + span,
        },
        [*_KINDS, *((name, "bytea") for name in _SKETCHES)],
    )
    return _aggregates(rows)


def store(session: Session, level: Level, rolled: Aggregates) -> None:
    """Write these rows, in place of what they said before."""
    if not len(rolled):
        return
    session.execute(_STORE[level], _columns(rolled))


def kept_since(session: Session) -> dict[str, datetime]:
    """Before which readings (`raw`) or minutes (`minute`) have been dropped, if they ever were."""
    rows = session.execute(text("SELECT kind, moment FROM kept_since"))
    return {kind: moment for kind, moment in rows}  # noqa: C416  # rows are no pairs to mypy


def remove_readings(session: Session, pairs: Pairs) -> None:
    """Remove the readings of these minutes."""
    session.execute(
        text(
            "DELETE FROM readings r USING unnest(cast(:devices AS int[]), cast(:minutes AS int[])) "
            "AS pair (device, minute) WHERE r.device_id = pair.device "
            "AND r.measured_at >= to_timestamp(pair.minute * 60) "
            "AND r.measured_at < to_timestamp(pair.minute * 60 + 60)"
        ),
        {"devices": array("int4", pairs[0]), "minutes": array("int4", pairs[1])},
    )


def take_backlog_day(session: Session) -> date | None:
    """Note all minutes of the newest day that came in without marks; which day that was."""
    day: date | None = session.scalar(
        text(
            "WITH taken AS (DELETE FROM rollup_backlog WHERE day = (SELECT max(day) FROM rollup_backlog) "
            "RETURNING day) SELECT max(day) FROM taken"
        )
    )
    if day is not None:
        session.execute(
            text(
                "INSERT INTO rollup_marks (level, device_ids, minutes) "
                "SELECT 'minute', array_agg(device_id), array_agg(minute) FROM (SELECT DISTINCT device_id, "
                "floor(extract(epoch FROM measured_at) / 60)::int AS minute FROM readings "
                "WHERE measured_at >= :first AND measured_at < :last) found "
                "GROUP BY device_id, minute / 60"
            ),
            {
                "first": datetime(day.year, day.month, day.day, tzinfo=UTC),
                "last": datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1),
            },
        )
    return day


def add_backlog(session: Session, days: Sequence[date]) -> None:
    """Have these days of readings, which came in without marks, counted when there is time."""
    session.execute(
        text("INSERT INTO rollup_backlog (day) SELECT unnest(cast(:days AS date[]))"),
        {"days": list(days)},
    )


def gravity(
    session: Session, device_ids: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """(device, since in microseconds, [row, 3] in g) of these devices, by device, then time."""
    rows = session.execute(
        text(
            "SELECT device_id, since, x, y, z FROM device_gravity WHERE device_id = ANY(:ids) "
            "ORDER BY device_id, since"
        ),
        {"ids": list(device_ids)},
    ).all()
    return (
        np.array([row[0] for row in rows], np.int64),
        np.array([(row[1] - _EPOCH) // timedelta(microseconds=1) for row in rows], np.int64),
        np.array([row[2:] for row in rows], np.float64).reshape(-1, 3),
    )


def add_gravity(session: Session, learned: Mapping[int, tuple[datetime, NDArray[np.float64]]]) -> None:
    session.execute(
        text(
            "INSERT INTO device_gravity VALUES (:device, :since, :x, :y, :z) "
            "ON CONFLICT (device_id, since) DO UPDATE SET x = :x, y = :y, z = :z"
        ),
        [
            {"device": device, "since": since, "x": float(x), "y": float(y), "z": float(z)}
            for device, (since, (x, y, z)) in learned.items()
        ],
    )


def mark_minutes_since(session: Session, device: int, since: datetime) -> None:
    """Note the device's minutes from then on to be counted again."""
    session.execute(
        text(
            "INSERT INTO rollup_marks (level, device_ids, minutes) SELECT 'minute', array_agg(device_id), "
            "array_agg(floor(extract(epoch FROM at) / 60)::int) FROM readings_minute "
            "WHERE device_id = :device AND at >= :since HAVING count(*) > 0"
        ),
        {"device": device, "since": since},
    )


def set_unit_metres(session: Session, device: int) -> None:
    session.execute(text("UPDATE devices SET vibration_unit = 'm/s2' WHERE id = :id"), {"id": device})


def _columns(rolled: Aggregates) -> dict[str, BinaryArray]:
    """The columns of the tables."""
    values: dict[str, NDArray[Any]] = {"device_id": rolled.device, "at": rolled.at_us}
    values |= zip(COUNTS, rolled.counts.T, strict=True)
    values |= zip(("axes_x", "axes_y", "axes_z"), rolled.axes.T, strict=True)
    for place, field in enumerate(ROLLED_FIELDS):
        count = rolled.n[:, place]
        values[f"{field}_n"] = count
        for name, matrix in (
            ("min", rolled.lowest),
            ("max", rolled.highest),
            ("sum", rolled.total),
            ("squares", rolled.squares),
        ):
            values[f"{field}_{name}"] = np.where(count > 0, matrix[:, place], np.nan)
    columns = {name: array(kind, values[name]) for name, kind in _KINDS}
    sketches = zip(_SKETCHES, rolled.sketches(), strict=True)
    return columns | {name: array_of_bytes("bytea", cut) for name, cut in sketches}


def _aggregates(rows: NDArray[np.void]) -> Aggregates:
    def matrix(names: Iterable[str], kind: type) -> NDArray[Any]:
        return np.stack([rows[name] for name in names], axis=1).astype(kind)

    def fields(name: str, absent: float) -> NDArray[np.float64]:
        values = matrix((f"{field}_{name}" for field in ROLLED_FIELDS), np.float64)
        return np.where(np.isnan(values), absent, values)

    return Aggregates(
        device=rows["device_id"].astype(np.int64),
        at_us=rows["at"].astype(np.int64),
        counts=matrix(COUNTS, np.int64),
        axes=matrix(("axes_x", "axes_y", "axes_z"), np.float64),
        n=matrix((f"{field}_n" for field in ROLLED_FIELDS), np.int64),
        lowest=fields("min", np.inf),
        highest=fields("max", -np.inf),
        total=fields("sum", 0.0),
        squares=fields("squares", 0.0),
        classes=of_sketches([rows[name] for name in _SKETCHES]),
    )
