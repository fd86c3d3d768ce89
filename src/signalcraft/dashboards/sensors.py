"""The old server's sensor queries, answered truly."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.clock import utc_now
from signalcraft.dashboards import fleet_queries as queries
from signalcraft.dashboards.fleet_queries import Row
from signalcraft.dashboards.sensor_schemas import (
    Anomaly,
    DatabaseSize,
    Monitoring,
    SensorHealth,
    Statistics,
    Status,
    SystemStatus,
)
from signalcraft.dashboards.stores import health_of
from signalcraft.errors import NotFoundError
from signalcraft.fleet import service as fleet
from signalcraft.fleet.health import sensor_status
from signalcraft.fleet.light import DEFAULT_RHYTHM_S, device_status, offline_after
from signalcraft.fleet.models import FREEZER

DAY = timedelta(days=1)
LOOK_SECONDS = 5.0
"""How often devices and limits are looked at (`worker/scheduler.py`)."""
WATCHING = timedelta(minutes=1)

_WORST_FIRST: tuple[Status, ...] = ("offline", "critical", "warning", "error", "normal")
_SENSORS = {
    "temperature_status": "temperature_c",
    "vibration_status": "vibration_g",
    "power_status": "power_percent",
    "audio_status": "audio_level",
}


def sensor_health(session: Session, principal: Principal) -> dict[str, SensorHealth]:
    """The health of each device this person may see, by name."""
    now = utc_now()
    shops = principal.shop_ids
    quality = queries.flawed_today(session, shops, today=_midnight(now.date()))
    counts = queries.excursion_counts(session, shops, since=now - DAY, until=now)
    return {
        row["device_id"]: _health(row, quality, counts, now)
        for row in queries.newest_values(session, shops)
        if row["device_id"] is not None
    }


def health_of_device(session: Session, principal: Principal, device_id: str) -> SensorHealth:
    """The health of one device.

    Raises
    ------
    NotFoundError
        There is none, or it is not theirs to see.
    """
    fleet.get_visible_device(session, principal, device_id)
    return sensor_health(session, principal)[device_id]


def anomalies(
    session: Session, principal: Principal, *, device_id: str | None, hours: int, limit: int
) -> list[Anomaly]:
    """Values that were beyond a limit for as long as it asks, newest first.

    Raises
    ------
    NotFoundError
        The device that is named is not there, or not theirs to see.
    """
    if device_id is not None:
        fleet.get_visible_device(session, principal, device_id)
    since = utc_now() - timedelta(hours=hours)
    rows = queries.excursions(session, principal.shop_ids, since=since, device_id=device_id, limit=limit)
    return [
        Anomaly(
            id=row["id"],
            device_id=row["device_id"],
            timestamp=row["since"].timestamp(),
            anomaly_type=row["name"],
            severity=row["severity"],
            confidence=None,
            description=f"{row['field']} {row['value']:g}, limit {row['limit_value']:g}",
            sensor_data={row["field"]: row["value"], "limit": row["limit_value"]},
            created_at=row["recorded_at"],
        )
        for row in rows
    ]


def statistics(session: Session, principal: Principal, device_id: str, day: date) -> Statistics:
    """A day of a device, from its roll-up.

    Raises
    ------
    NotFoundError
        There is no such device, it is not theirs to see, or it measured nothing on that day.
    """
    device = fleet.get_visible_device(session, principal, device_id)
    start = _midnight(day)
    rows = queries.days(session, principal.shop_ids, since=start, until=start + DAY, device=device.id)
    if not rows:
        raise NotFoundError("Nothing of this device is known of that day.", field="date")
    [row] = rows
    counts = queries.excursion_counts(session, principal.shop_ids, since=start, until=start + DAY)
    return Statistics(
        device_id=device_id,
        date=day,
        avg_temperature=row["temperature_c_mean"],
        max_temperature=row["temperature_c_max"],
        min_temperature=row["temperature_c_min"],
        avg_vibration=row["vibration_g_mean"],
        max_vibration=row["vibration_g_max"],
        avg_power_consumption=row["power_percent_mean"],
        max_power_consumption=row["power_percent_max"],
        total_readings=row["readings"],
        anomaly_count=counts.get(device.id, 0),
    )


def system_status(session: Session, principal: Principal) -> SystemStatus:
    """How many devices there are, how they do, and, for administrators, what the database holds."""
    now = utc_now()
    found = [one.status for one in sensor_health(session, principal).values()]
    alarms = queries.alarms(session, principal.shop_ids, since=now - DAY)
    offline = found.count("offline")
    looked_at = queries.watched_until(session)
    return SystemStatus(
        monitoring=Monitoring(
            is_monitoring=looked_at is not None and now - looked_at < WATCHING,
            total_devices=len(found),
            online_devices=len(found) - offline,
            offline_devices=offline,
            critical_devices=found.count("critical"),
            warning_devices=found.count("warning"),
            normal_devices=found.count("normal"),
            total_alerts=len(alarms),
            unresolved_alerts=sum(alarm["is_open"] for alarm in alarms),
            health_check_interval=LOOK_SECONDS,
            offline_threshold=offline_after(DEFAULT_RHYTHM_S).total_seconds(),
        ),
        database=DatabaseSize(**queries.database_size(session)) if principal.is_admin else None,
        timestamp=now.timestamp(),
    )


def _health(
    row: Row, quality: Mapping[int, tuple[int, int]], counts: Mapping[int, int], now: datetime
) -> SensorHealth:
    status = device_status(row["last_seen_at"], now, row["rhythm_s"])
    offline = status == "offline"
    sensors: dict[str, Any] = {name: _sensor(row, field, offline=offline) for name, field in _SENSORS.items()}
    known: list[Status] = ["offline"] if offline else [one for one in sensors.values() if one is not None]
    readings, flawed = quality.get(row["device_key"], (0, 0))
    return SensorHealth(
        status=min(known, key=_WORST_FIRST.index, default="error"),
        last_seen=row["last_seen_at"],
        uptime=None if row["uptime_ms"] is None else row["uptime_ms"] / 1000,
        data_quality=round(1 - flawed / readings, 3) if readings else None,
        anomaly_count=counts.get(row["device_key"], 0),
        overall_health=health_of(row, status).score,
        **sensors,
    )


def _sensor(row: Row, field: str, *, offline: bool) -> Status | None:
    if offline:
        return "offline"
    if row[field] is None:
        return "error"
    if field == "temperature_c" and row["device_type"] != FREEZER:
        return None
    return sensor_status(field, row[field], row["device_type"])


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
