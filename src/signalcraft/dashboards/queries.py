"""All SQL of the read models: narrow columns, an index look-up a machine, a constant number of statements."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Result,
    Select,
    any_,
    bindparam,
    func,
    lateral,
    literal,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.orm import Session

from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.acoustics.queries import FINAL
from signalcraft.alarms.models import Alarm
from signalcraft.fleet.models import Device, DeviceState, Machine, Shop
from signalcraft.telemetry.models import Reading

Row = dict[str, Any]

NEWEST_READING_WINDOW = timedelta(days=2)
"""Where the newest reading of a living node is. A look-up over all days touches every day's index instead."""


def begin_snapshot(session: Session) -> None:
    """Make every statement of this transaction see the same moment. Call it before any other statement."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    session.execute(text("SET TRANSACTION READ ONLY"))


def shops(session: Session, shop_ids: frozenset[int] | None) -> list[Row]:
    """Shops by name; None means all but the probe's."""
    statement = select(Shop.id, Shop.name).order_by(func.lower(Shop.name), Shop.id)
    statement = statement.where(~Shop.probe if shop_ids is None else Shop.id.in_(shop_ids))
    return _rows(session.execute(statement))


def shop(session: Session, shop_id: int) -> Row:
    [row] = _rows(session.execute(select(Shop.id, Shop.name).where(Shop.id == shop_id)))
    return row


def machines(session: Session, shop_ids: frozenset[int] | None) -> list[Row]:
    """Machines of the shops by name, each with the device heard last.

    None means all but the probe's, and those without a shop.
    """
    if shop_ids is None:
        return _rows(session.execute(_ALL_MACHINES))
    return _rows(session.execute(_MACHINES_OF_SHOPS, {"shops": list(shop_ids)}))


def machine(session: Session, machine_id: int) -> Row | None:
    return next(iter(_rows(session.execute(_MACHINES.where(Machine.id == machine_id)))), None)


def latest_readings(session: Session, device_keys: Sequence[int], *, now: datetime) -> dict[int, Row]:
    """The newest reading of each device that has one, by `devices.id`."""
    # Both ends, so that the planner sees that the default partition is not concerned and reads in order.
    between = {"since": now - NEWEST_READING_WINDOW, "until": now + timedelta(days=1)}
    recent = _latest_readings(session, _RECENT_READINGS, device_keys, **between)
    silent = [key for key in device_keys if key not in recent]
    return recent | _latest_readings(session, _NEWEST_READINGS, silent)


def _latest_readings(
    session: Session, statement: Select[Any], device_keys: Sequence[int], **between: datetime
) -> dict[int, Row]:
    if not device_keys:
        return {}
    rows = session.execute(statement, {"devices": list(device_keys), **between})
    return {row["device_key"]: row for row in _rows(rows)}


def latest_analyses(session: Session, machine_ids: Sequence[int]) -> dict[int, Row]:
    """The newest finished analysis of each machine: the fields of `AnalysisSummary`, by machine id.

    Without the features and the evidence, which make up nine tenths of the row and which no overview shows.
    """
    rows = session.execute(_NEWEST_ANALYSES, {"machines": list(machine_ids)})
    return {row["machine_key"]: row for row in _rows(rows)}


def analysis_counts(session: Session, machine_ids: Sequence[int], *, since: datetime) -> list[Row]:
    """How many analyses of sound heard since then each machine has in each state and with each verdict."""
    statement = (
        select(Analysis.machine_id, Analysis.state, Analysis.verdict, func.count().label("count"))
        .where(Analysis.machine_id == any_(_array(machine_ids, Machine.id)), Analysis.heard_at >= since)
        .group_by(Analysis.machine_id, Analysis.state, Analysis.verdict)
    )
    return _rows(session.execute(statement))


def alarm_counts(session: Session, machine_ids: Sequence[int], *, since: datetime) -> dict[int, int]:
    """How many alarms were raised at each machine about sound heard since then."""
    statement = (
        select(Alarm.machine_id, func.count().label("alarms"))
        .where(Alarm.machine_id == any_(_array(machine_ids, Machine.id)), Alarm.raised_at >= since)
        .group_by(Alarm.machine_id)
    )
    return {row["machine_id"]: row["alarms"] for row in _rows(session.execute(statement))}


def _rows(result: Result[Any]) -> list[Row]:
    """Plain dictionaries: a tenth of the time that thousands of SQLAlchemy's own row objects take."""
    keys = list(result.keys())
    return [dict(zip(keys, row, strict=True)) for row in result]


def _array(ids: Sequence[int], column: Any) -> Any:
    """The ids as one array parameter: an IN list would be one parameter each, to be parsed every time."""
    return literal(list(ids), ARRAY(column.type))


def _one_of(column: Any, name: str) -> Any:
    """Whether the column is among the ids that are given under that name, as one array."""
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


# --- what every page asks is put into words once: that takes longer than the answer does


def _machines() -> Select[Any]:
    heard_last = (
        select(Device)
        .ext(distinct_on(Device.machine_id))
        .order_by(Device.machine_id, Device.last_seen_at.desc())
        .subquery("heard_last")
    )
    statement = select(
        Machine.id,
        Machine.name,
        Machine.model,
        Machine.shop_id,
        Machine.synthetic,
        heard_last.c.id.label("device_key"),
        heard_last.c.device_id,
        heard_last.c.last_seen_at,
        (heard_last.c.admission != "key").label("unauthenticated"),
        heard_last.c.vibration_unit,
        DeviceState.rhythm_s,
    ).outerjoin(heard_last, heard_last.c.machine_id == Machine.id)
    return statement.outerjoin(DeviceState, DeviceState.device_id == heard_last.c.id)


_MACHINES = _machines()
_BY_NAME = _MACHINES.order_by(func.lower(Machine.name), Machine.id)
_ALL_MACHINES = _BY_NAME.where(~Machine.probe)
_MACHINES_OF_SHOPS = _BY_NAME.where(_one_of(Machine.shop_id, "shops"))


def _newest_readings(*conditions: ColumnElement[bool]) -> Select[Any]:
    newest = select(Reading).where(Reading.device_id == Device.id, *conditions)
    reading = lateral(newest.order_by(Reading.measured_at.desc()).limit(1)).alias("reading")
    return (
        select(
            Device.id.label("device_key"),
            Device.vibration_unit,
            reading.c.measured_at,
            reading.c.received_at,
            reading.c.temperature_c,
            reading.c.vibration_x,
            reading.c.vibration_y,
            reading.c.vibration_z,
            reading.c.power_percent,
            reading.c.audio_level,
            reading.c.quality,
        )
        .join(reading, true())
        .where(_one_of(Device.id, "devices"))
    )


_NEWEST_READINGS = _newest_readings()
_RECENT_READINGS = _newest_readings(
    Reading.measured_at >= bindparam("since"), Reading.measured_at < bindparam("until")
)


def _newest_analyses() -> Select[Any]:
    newest = lateral(
        select(Analysis)
        .where(Analysis.machine_id == Machine.id, Analysis.state.in_(FINAL))
        .order_by(Analysis.heard_at.desc(), Analysis.id.desc())
        .limit(1)
    ).alias("newest")
    return (
        select(
            Machine.id.label("machine_key"),
            newest.c.id,
            newest.c.clip_id,
            newest.c.state,
            newest.c.verdict,
            func.coalesce(newest.c.reasons, text("'[]'::jsonb")).label("reasons"),
            newest.c.score,
            newest.c.score_limit.label("limit"),
            (newest.c.score / func.nullif(newest.c.score_limit, 0.0)).label("ratio"),
            newest.c.tail_probability,
            newest.c.condition,
            newest.c.run_state,
            newest.c.summary,
            newest.c.finished_at,
            Clip.measured_at,
            Clip.received_at,
            Clip.synthetic,
        )
        .select_from(Machine)
        .join(newest, true())
        .join(Clip, Clip.id == newest.c.clip_id)
        .where(_one_of(Machine.id, "machines"))
    )


_NEWEST_ANALYSES = _newest_analyses()
