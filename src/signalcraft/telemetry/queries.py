"""All SQL on readings.

The time bound in each query is what lets PostgreSQL skip the partitions of other days.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Float, Integer, Row, Select, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from signalcraft.telemetry.models import Reading


def insert_new(session: Session, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose key is not there yet; how many that were."""
    statement = insert(Reading).values(list(rows)).on_conflict_do_nothing().returning(Reading.device_id)
    return len(session.execute(statement).all())


def between(
    session: Session, device_id: int, *, start: datetime, end: datetime, limit: int
) -> Sequence[Reading]:
    """Readings of one device in [start, end], newest first."""
    return session.scalars(
        select(Reading)
        .where(Reading.device_id == device_id, Reading.measured_at.between(start, end))
        .order_by(Reading.measured_at.desc())
        .limit(limit)
    ).all()


def of_devices_between(
    session: Session, g_per_unit: Mapping[int, float], *, start: datetime, end: datetime
) -> Sequence[Row[*tuple[Any, ...]]]:
    """(measured_at, power_percent, temperature_c, acceleration x, y, z in g) of the devices, oldest first."""
    device = _scaled_devices(g_per_unit)
    axes = (Reading.vibration_x, Reading.vibration_y, Reading.vibration_z)
    statement = select(
        Reading.measured_at,
        Reading.power_percent,
        Reading.temperature_c,
        *(axis * device.c.g_per_unit for axis in axes),
    )
    return session.execute(_in_range(statement, device, start, end).order_by(Reading.measured_at)).all()


def power_course(
    session: Session, device_ids: Sequence[int], *, start: datetime, end: datetime, step_s: float
) -> Sequence[Row[float, float]]:
    """(seconds since 1970, mean power in per cent) of each step that has a valid value, in order."""
    step = func.floor(func.extract("epoch", Reading.measured_at) / step_s) * step_s
    statement = (
        select(step.label("step"), func.avg(Reading.power_percent))
        .where(
            Reading.device_id.in_(device_ids),
            Reading.measured_at.between(start, end),
            Reading.power_percent.is_not(None),
        )
        .group_by("step")
        .order_by("step")
    )
    return session.execute(statement).all()


def newest_with_extra(
    session: Session, device_ids: Sequence[int], *, since: datetime, limit: int
) -> Sequence[Reading]:
    """The newest feature messages of all these devices together, newest first."""
    device = _devices(device_ids)
    newest = (
        select(Reading)
        .where(Reading.device_id == device.c.id, Reading.measured_at >= since, Reading.extra.is_not(None))
        .order_by(Reading.measured_at.desc())
        .limit(limit)
        .lateral()
    )
    reading = aliased(Reading, newest)
    statement = select(reading).select_from(device).join(newest, true())
    return session.scalars(statement.order_by(reading.measured_at.desc()).limit(limit)).all()


def _devices(device_ids: Sequence[int]) -> Any:
    ids = bindparam(None, list(device_ids), type_=ARRAY(Integer))
    return func.unnest(ids).table_valued("id").render_derived()


def _scaled_devices(g_per_unit: Mapping[int, float]) -> Any:
    ids = bindparam(None, list(g_per_unit), type_=ARRAY(Integer))
    factors = bindparam(None, list(g_per_unit.values()), type_=ARRAY(Float(53)))
    return func.unnest(ids, factors).table_valued("id", "g_per_unit").render_derived()


def _in_range(
    statement: Select[*tuple[Any, ...]], device: Any, start: datetime, end: datetime
) -> Select[*tuple[Any, ...]]:
    return (
        statement.select_from(device)
        .join(Reading, Reading.device_id == device.c.id)
        .where(Reading.measured_at.between(start, end))
    )
