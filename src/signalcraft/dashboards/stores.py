"""Shops, their devices and their weeks, in the old dashboard's shapes."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.clock import utc_now
from signalcraft.dashboards import fleet_queries as queries
from signalcraft.dashboards.fleet_queries import Row
from signalcraft.dashboards.summary import scope
from signalcraft.dashboards.summary_schemas import (
    Analytics,
    AnalyticsAnswer,
    Labelled,
    Performance,
    StoreDevice,
    StoreOut,
    Trend,
)
from signalcraft.errors import NotFoundError
from signalcraft.fleet import service as fleet
from signalcraft.fleet.health import Health, health
from signalcraft.fleet.light import DeviceStatus, device_status

COUNTED_EXCURSIONS = 10_000
"""More in one answer would be a broken sensor, not an analysis."""
DECIMALS = 3


def stores(session: Session, principal: Principal, shop_id: int | None = None) -> list[StoreOut]:
    """The shops this person sees, or one of them, by name.

    Raises
    ------
    NotFoundError
        There is no such shop, or it is not theirs to see.
    """
    shops, now = scope(principal, shop_id), utc_now()
    rows = queries.newest_values(session, shops)
    open_at = [alarm["machine_id"] for alarm in queries.alarms(session, shops, since=now) if alarm["is_open"]]
    found = [
        _store(shop.id, shop.name, [row for row in rows if row["shop_id"] == shop.id], open_at, now)
        for shop in fleet.list_shops(session, principal)
        if shop_id in (None, shop.id)
    ]
    if shop_id is not None and not found:
        raise NotFoundError("There is no such shop.", field="store_id")
    return found


def devices(session: Session, principal: Principal, shop_id: int | None) -> list[StoreDevice]:
    """The devices of the shops this person sees, or of one of them.

    Raises
    ------
    NotFoundError
        There is no such shop, or it is not theirs to see.
    """
    now = utc_now()
    rows = queries.newest_values(session, scope(principal, shop_id))
    return [_device(row, now) for row in rows if row["device_id"] is not None]


def device(session: Session, principal: Principal, device_id: str) -> StoreDevice:
    """One device.

    Raises
    ------
    NotFoundError
        There is none, or it is not theirs to see.
    """
    fleet.get_visible_device(session, principal, device_id)
    return next(one for one in devices(session, principal, None) if one.device_id == device_id)


def analytics(session: Session, principal: Principal, shop_id: int | None, *, days: int) -> AnalyticsAnswer:
    """Day by day, what the devices of these shops measured.

    Raises
    ------
    NotFoundError
        There is no such shop, or it is not theirs to see.
    """
    shops = scope(principal, shop_id)
    since = utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    rows = queries.days(session, shops, since=since)
    excursions = queries.excursions(session, shops, since=since, device_id=None, limit=COUNTED_EXCURSIONS)
    return AnalyticsAnswer(
        analytics=Analytics(
            temperature=_by_day(rows, "temperature_c_mean"),
            vibration=_by_day(rows, "vibration_g_mean"),
            power=_by_day(rows, "power_percent_mean"),
            anomaly=_excursions_by_day(excursions, since, days),
        ),
        trends=list(_trends(rows)),
        patterns=_patterns(excursions),
        performance=[
            Performance(
                date=_label(row["at"]),
                readings=row["readings"],
                valid_percentage=round(100.0 * (1 - row["flawed"] / row["readings"]), 1),
                uptime_percentage=round(100.0 * float(row["covered"]) / row["devices"], 1),
            )
            for row in rows
        ],
    )


def health_of(row: Row, status: DeviceStatus) -> Health:
    """The health of a row of `fleet_queries.newest_values`."""
    return health(
        temperature_c=row["temperature_c"],
        vibration_g=row["vibration_g"],
        power_percent=row["power_percent"],
        audio_level=row["audio_level"],
        sensor_quality=row["sensor_quality"],
        device_type=row["device_type"],
        status=status,
    )


def _store(shop_id: int, name: str, rows: Sequence[Row], open_at: Sequence[int], now: datetime) -> StoreOut:
    nodes = [row for row in rows if row["device_id"] is not None]
    machines = {row["machine_id"] for row in rows}
    statuses = [device_status(row["last_seen_at"], now, row["rhythm_s"]) for row in nodes]
    return StoreOut(
        store_id=shop_id,
        store_name=name,
        devices=len(nodes),
        online=sum(status != "offline" for status in statuses),
        machines=len(machines),
        open_alarms=sum(machine in machines for machine in open_at),
    )


def _device(row: Row, now: datetime) -> StoreDevice:
    status = device_status(row["last_seen_at"], now, row["rhythm_s"])
    found = health_of(row, status)
    return StoreDevice(
        device_id=row["device_id"],
        device_name=row["machine_name"],
        store_id=row["shop_id"],
        store_name=row["shop_name"],
        device_type=row["device_type"],
        model=row["model"],
        status=status,
        last_seen=row["last_seen_at"],
        firmware_version=row["firmware_version"],
        health_score=found.score,
        health_band=found.band,
        temperature=row["temperature_c"],
        vibration=row["vibration_g"],
        power_consumption=row["power_percent"],
        audio_level=row["audio_level"],
    )


def _by_day(rows: Sequence[Row], column: str) -> Labelled:
    values = [None if row[column] is None else round(row[column], DECIMALS) for row in rows]
    return Labelled(labels=[_label(row["at"]) for row in rows], values=values)


def _excursions_by_day(excursions: Sequence[Row], since: datetime, days: int) -> Labelled:
    labels = [_label(since + timedelta(days=day)) for day in range(days)]
    counts = dict.fromkeys(labels, 0.0)
    for one in excursions:
        counts[_label(one["since"])] += 1
    return Labelled(labels=labels, values=list(counts.values()))


def _trends(rows: Sequence[Row]) -> Iterable[Trend]:
    """Least squares over the daily means; three days at least."""
    for field in ("temperature_c", "vibration_g", "power_percent", "audio_level"):
        points = [
            ((row["at"] - rows[0]["at"]).days, row[f"{field}_mean"])
            for row in rows
            if row[f"{field}_mean"] is not None
        ]
        if len(points) >= 3:
            day = sum(one for one, _ in points) / len(points)
            mean = sum(value for _, value in points) / len(points)
            spread = sum((one - day) ** 2 for one, _ in points)
            joint = sum((one - day) * (value - mean) for one, value in points)
            yield Trend(field=field, per_day=round(joint / spread, 5))


def _patterns(excursions: Sequence[Row]) -> list[dict[str, object]]:
    names = sorted({one["name"] for one in excursions})
    return [
        {"name": name, "count": len(found), "devices": len({one["device_id"] for one in found})}
        for name in names
        if (found := [one for one in excursions if one["name"] == name])
    ]


def _label(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
