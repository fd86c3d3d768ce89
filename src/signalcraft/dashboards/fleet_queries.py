"""All SQL of what screens show of whole shops: from the devices' maintained state, days and alarms."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.telemetry.binary import fetch
from signalcraft.telemetry.models import ROLLED_FIELDS
from signalcraft.telemetry.quality import STANDARD_GRAVITY

Row = dict[str, Any]
Shops = frozenset[int] | None
"""None means all but the probe's, and the machines without a shop."""

_NEWEST = """
    FROM machines m
    LEFT JOIN shops ON shops.id = m.shop_id
    LEFT JOIN devices d ON d.machine_id = m.id
    LEFT JOIN device_states s ON s.device_id = d.id
    LEFT JOIN LATERAL (SELECT x, y, z FROM device_gravity WHERE device_id = d.id
        ORDER BY since DESC LIMIT 1) g ON true
    CROSS JOIN LATERAL (SELECT CASE WHEN d.vibration_unit = 'g' THEN 1.0 ELSE %(metre)s END AS g) u
    WHERE (%(shops)s::bigint[] IS NULL AND NOT m.probe OR m.shop_id = ANY(%(shops)s))
"""
_LENGTH = "sqrt(s.vibration_x ^ 2 + s.vibration_y ^ 2 + s.vibration_z ^ 2) * u.g"
_VIBRATION = f"""coalesce(
    sqrt((s.vibration_x * u.g - g.x) ^ 2 + (s.vibration_y * u.g - g.y) ^ 2 + (s.vibration_z * u.g - g.z) ^ 2),
    least({_LENGTH}, abs({_LENGTH} - 1)))"""
"""`quality.vibration_g`."""

_STATE_COLUMNS = (
    ("machine", "int4"),
    ("has_device", "bool"),
    ("last_seen", "timestamptz"),
    ("is_freezer", "bool"),
    *(
        (name, "float4")
        for name in ("rhythm_s", "temperature_c", "vibration_g", "power_percent", "audio_level", "quality")
    ),
)


def states(session: Session, shops: Shops) -> NDArray[np.void]:
    """Each device's state and newest values, and each machine without a device; NaN where missing."""
    return fetch(
        session,
        f"""
        SELECT m.id::int, d.id IS NOT NULL, coalesce(d.last_seen_at, '2000-01-01Z'),
            coalesce(d.device_type = 'freezer', false), coalesce(s.rhythm_s, 'NaN')::real,
            coalesce(s.temperature_c, 'NaN'), coalesce({_VIBRATION}, 'NaN')::real,
            coalesce(s.power_percent, 'NaN'), coalesce(s.audio_level, 'NaN'),
            coalesce(s.sensor_quality, 'NaN')
        {_NEWEST}
        ORDER BY m.id
        """,
        _parameters(shops),
        _STATE_COLUMNS,
    )


def newest_values(session: Session, shops: Shops) -> list[Row]:
    """What the devices of these shops last measured, by machine; machines without one too."""
    statement = f"""
        SELECT m.id AS machine_id, m.name AS machine_name, m.model, m.shop_id, shops.name AS shop_name,
            d.id AS device_key, d.device_id, d.device_type, d.last_seen_at, d.first_seen_at,
            d.firmware_version, s.rhythm_s, s.uptime_ms, s.measured_at, s.last_received_at, s.temperature_c,
            s.power_percent, s.audio_level, s.sensor_quality, {_VIBRATION} AS vibration_g
        {_NEWEST}
        ORDER BY lower(m.name), m.id, d.device_id
        """
    cursor = session.connection().exec_driver_sql(statement, _parameters(shops))
    return [dict(row) for row in cursor.mappings()]


def days(
    session: Session,
    shops: Shops,
    *,
    since: datetime,
    until: datetime | None = None,
    device: int | None = None,
) -> list[Row]:
    """What was measured on each day (UTC) in [since, until), all these shops together, oldest first.

    Of each day what `covered_days` says, `readings`, how many of them `flawed`, and of each rolled field its
    mean, least and greatest.
    """
    columns = ", ".join(
        [
            "sum(r.readings)::bigint AS readings",
            "sum(r.flawed)::bigint AS flawed",
            *(f"{_mean_of(field)}, {_extremes_of(field)}" for field in ROLLED_FIELDS),
        ]
    )
    return _by_day(session, columns, shops, since=since, until=until, device=device)


def covered_days(session: Session, shops: Shops, *, since: datetime) -> list[Row]:
    """The same of less, which an index holds (`ix_readings_day_at`).

    covered : device-days in which something came, each weighted with the share of the day that its readings
        cover, a reading counting for the device's rhythm, a minute at least. `devices`: how many devices.
    power_percent_mean : of all readings of the day.
    """
    return _by_day(session, _mean_of("power_percent"), shops, since=since)


def _by_day(
    session: Session,
    columns: str,
    shops: Shops,
    *,
    since: datetime,
    until: datetime | None = None,
    device: int | None = None,
) -> list[Row]:
    """Only conditions that are asked for: PostgreSQL plans for `OR … IS NULL` as if it were not there."""
    asked = {
        "r.at >= :since": since,
        "r.at < :until": until,
        "r.device_id <> ALL(ARRAY(SELECT d.id FROM devices d JOIN machines m ON m.id = d.machine_id "
        "WHERE m.probe))": shops is None or None,
        "r.device_id = :device": device,
        "r.device_id = ANY(ARRAY(SELECT d.id FROM devices d JOIN machines m ON m.id = d.machine_id "
        "WHERE m.shop_id = ANY(:shops)))": None if shops is None else sorted(shops),
    }
    return _rows(
        session,
        "SELECT r.at, count(*) AS devices, "  # noqa: S608
        "sum(least(r.minutes * greatest(s.rhythm_s / 60, 1), 1440)) / 1440.0 AS covered, "
        f"{columns} FROM readings_day r LEFT JOIN device_states s ON s.device_id = r.device_id "
        f"WHERE {' AND '.join(condition for condition, value in asked.items() if value is not None)} "
        "GROUP BY r.at ORDER BY r.at",
        {"since": since, "until": until, "device": device, "shops": _parameters(shops)["shops"]},
    )


def flawed_today(session: Session, shops: Shops, *, today: datetime) -> dict[int, tuple[int, int]]:
    """Of each device with readings today: how many, and how many with a mark of quality."""
    rows = session.execute(
        text(
            "SELECT r.device_id, r.readings, r.flawed FROM readings_day r "
            "JOIN devices d ON d.id = r.device_id JOIN machines m ON m.id = d.machine_id WHERE r.at = :today "
            "AND (cast(:shops AS bigint[]) IS NULL AND NOT m.probe OR m.shop_id = ANY(:shops))"
        ),
        {"today": today, "shops": _parameters(shops)["shops"]},
    )
    return {device: (readings, flawed) for device, readings, flawed in rows}


def count(session: Session, shops: Shops, *, weeks: Sequence[datetime], urgent: Collection[str]) -> Row:
    """How many `shops`, open alarms that are `urgent` and `minor`, and alarms raised in each of two weeks.

    weeks : when the `earlier` begins, when it ends and the `later` begins, when that ends.
    """
    [row] = _rows(
        session,
        """
        SELECT count(*) FILTER (WHERE a.cleared_at IS NULL AND a.severity = ANY(:urgent)) AS urgent,
            count(*) FILTER (WHERE a.cleared_at IS NULL AND a.severity <> ALL(:urgent)) AS minor,
            count(*) FILTER (WHERE a.raised_at >= :first AND a.raised_at < :second) AS earlier,
            count(*) FILTER (WHERE a.raised_at >= :second AND a.raised_at < :third) AS later,
            (SELECT count(*) FROM shops
                WHERE cast(:shops AS bigint[]) IS NULL AND NOT probe OR id = ANY(:shops)) AS shops
        FROM alarms a JOIN machines m ON m.id = a.machine_id
        WHERE (a.cleared_at IS NULL OR a.raised_at >= :first)
            AND (cast(:shops AS bigint[]) IS NULL AND NOT m.probe OR m.shop_id = ANY(:shops))
        """,
        {
            "urgent": sorted(urgent),
            "first": weeks[0],
            "second": weeks[1],
            "third": weeks[2],
            "shops": _parameters(shops)["shops"],
        },
    )
    return row


def alarms(session: Session, shops: Shops, *, since: datetime) -> list[Row]:
    """Alarms that are open or were raised since then: machine, severity, whether open, when raised."""
    return _rows(
        session,
        "SELECT a.machine_id, a.severity, a.cleared_at IS NULL AS is_open, a.raised_at, a.condition, a.id "
        "FROM alarms a JOIN machines m ON m.id = a.machine_id "
        "WHERE (a.cleared_at IS NULL OR a.raised_at >= :since) "
        "AND (cast(:shops AS bigint[]) IS NULL AND NOT m.probe OR m.shop_id = ANY(:shops)) "
        "ORDER BY a.raised_at",
        {"since": since, "shops": _parameters(shops)["shops"]},
    )


def excursions(
    session: Session, shops: Shops, *, since: datetime, device_id: str | None, limit: int
) -> list[Row]:
    """Values that were beyond a limit for as long as it asks, newest first."""
    return _rows(
        session,
        "SELECT e.id, d.device_id, e.name, e.field, e.severity, e.limit_value, e.since, e.confirmed_at, "
        "e.value, e.ended_at, e.recorded_at FROM threshold_excursions e "
        "JOIN devices d ON d.id = e.device_id JOIN machines m ON m.id = d.machine_id "
        "WHERE e.since >= :since AND (cast(:name AS text) IS NULL OR d.device_id = :name) "
        "AND (cast(:shops AS bigint[]) IS NULL AND NOT m.probe OR m.shop_id = ANY(:shops)) "
        "ORDER BY e.since DESC, e.id DESC LIMIT :limit",
        {"since": since, "name": device_id, "shops": _parameters(shops)["shops"], "limit": limit},
    )


def excursion_counts(session: Session, shops: Shops, *, since: datetime, until: datetime) -> dict[int, int]:
    """How many of them each device had in [since, until)."""
    rows = session.execute(
        text(
            "SELECT e.device_id, count(*) FROM threshold_excursions e JOIN devices d ON d.id = e.device_id "
            "JOIN machines m ON m.id = d.machine_id WHERE e.since >= :since AND e.since < :until "
            "AND (cast(:shops AS bigint[]) IS NULL AND NOT m.probe OR m.shop_id = ANY(:shops)) "
            "GROUP BY e.device_id"
        ),
        {"since": since, "until": until, "shops": _parameters(shops)["shops"]},
    )
    return {device: count for device, count in rows}  # noqa: C416  # rows are no pairs to mypy


def watched_until(session: Session) -> datetime | None:
    """When devices were last looked at, None if they never were."""
    moment: datetime | None = session.scalar(text("SELECT until FROM listening"))
    return moment


def database_size(session: Session) -> Row:
    """Rows of the tables about readings (PostgreSQL's estimates) and bytes of the database."""
    [row] = _rows(
        session,
        """
        SELECT (SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM pg_inherits i
                JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'readings'::regclass)
                AS sensor_readings,
            (SELECT count(*) FROM threshold_excursions) AS anomalies,
            (SELECT count(*) FROM devices) AS devices,
            (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'readings_day'::regclass)
                AS statistics,
            pg_database_size(current_database()) AS database_size_bytes,
            round(pg_database_size(current_database()) / 1048576.0, 2)::float8 AS database_size_mb,
            (SELECT count(*) FROM rollup_marks) AS queue_size
        """,
        {},
    )
    return row


def _mean_of(field: str) -> str:
    return f"sum(r.{field}_sum) / nullif(sum(r.{field}_n), 0) AS {field}_mean"


def _extremes_of(field: str) -> str:
    return f"min(r.{field}_min) AS {field}_min, max(r.{field}_max) AS {field}_max"


def _parameters(shops: Shops) -> dict[str, Any]:
    return {"shops": None if shops is None else sorted(shops), "metre": 1 / STANDARD_GRAVITY}


def _rows(session: Session, statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    result = session.execute(text(statement), parameters)
    keys = list(result.keys())
    return [dict(zip(keys, row, strict=True)) for row in result]
