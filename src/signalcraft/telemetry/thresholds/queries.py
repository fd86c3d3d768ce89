"""All SQL on limits, on where they stand, and on the readings they look at."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from signalcraft.alarms.models import Alarm
from signalcraft.fleet.models import Device, Machine
from signalcraft.telemetry.thresholds.models import Excursion, Threshold, ThresholdState, ThresholdWork


class Watched(NamedTuple):
    """A device, what is needed to read its values, and whose it is."""

    key: int
    device_id: str
    device_type: str
    vibration_unit: str
    machine_id: int


def devices(session: Session, device_ids: Collection[int]) -> list[Watched]:
    statement = select(
        Device.id, Device.device_id, Device.device_type, Device.vibration_unit, Device.machine_id
    ).where(Device.id.in_(list(device_ids)))
    return [Watched(*row) for row in session.execute(statement)]


Changes = dict[str, dict[str, Any]]
"""Name of a rule to the fields that are otherwise."""


def type_changes(session: Session, device_types: Collection[str]) -> dict[str, Changes]:
    """What is set for these types of device."""
    found: dict[str, Changes] = {}
    statement = select(Threshold.device_type, Threshold.name, Threshold.rule)
    for device_type, name, rule in session.execute(
        statement.where(Threshold.device_type.in_(list(device_types)))
    ):
        found.setdefault(str(device_type), {})[name] = rule
    return found


def device_changes(session: Session, device_ids: Collection[int]) -> dict[int, Changes]:
    """What is set for these devices alone."""
    found: dict[int, Changes] = {}
    statement = select(Threshold.device_id, Threshold.name, Threshold.rule)
    for device_id, name, rule in session.execute(statement.where(Threshold.device_id.in_(list(device_ids)))):
        found.setdefault(int(device_id or 0), {})[name] = rule
    return found


def types_with_changes(session: Session) -> Sequence[str]:
    statement = select(Threshold.device_type).where(Threshold.device_type.is_not(None)).distinct()
    return [str(name) for name in session.scalars(statement.order_by(Threshold.device_type))]


def replace_changes(
    session: Session,
    changes: Changes,
    *,
    device_type: str | None,
    device_id: int | None,
    user_id: int,
    now: datetime,
) -> None:
    """Make this what is set for the type or the device, in place of everything that was."""
    session.execute(
        delete(Threshold).where(
            Threshold.device_type == device_type
            if device_type is not None
            else Threshold.device_id == device_id
        )
    )
    session.add_all(
        Threshold(
            device_type=device_type,
            device_id=device_id,
            name=name,
            rule=rule,
            changed_at=now,
            changed_by=user_id,
        )
        for name, rule in changes.items()
    )
    session.flush()


def watched_among(session: Session, device_ids: Sequence[int]) -> set[int]:
    """Those of these devices of which some limit is not at rest."""
    statement = text("SELECT device_id FROM threshold_states WHERE device_id = ANY(CAST(:ids AS int[]))")
    return set(session.scalars(statement, {"ids": list(device_ids)}))


def add_work(session: Session, device_ids: Sequence[int], measured_from: Sequence[datetime]) -> None:
    session.execute(
        text(
            "INSERT INTO threshold_work (device_id, measured_from) SELECT * FROM"
            " unnest(CAST(:devices AS int[]), CAST(:times AS timestamptz[]))"
        ),
        {"devices": list(device_ids), "times": list(measured_from)},
    )


def add_work_of_type(session: Session, device_type: str, measured_from: datetime) -> None:
    """Have every device of a type looked at."""
    named = select(Device.id, literal(measured_from))
    session.execute(
        insert(ThresholdWork).from_select(
            ["device_id", "measured_from"], named.where(Device.device_type == device_type)
        )
    )


def waiting(session: Session, *, limit: int) -> Sequence[int]:
    """The devices of the work that has waited longest."""
    first = select(ThresholdWork.device_id).order_by(ThresholdWork.id).limit(limit).subquery()
    return session.scalars(select(first.c.device_id).distinct()).all()


def take_work(session: Session, *, limit: int, only: int | None = None) -> dict[int, datetime]:
    """Claim waiting work, of all devices or of one: device to the earliest of its readings.

    It is given back if the transaction fails.
    """
    taken = session.execute(
        text(
            "DELETE FROM threshold_work WHERE id IN"
            " (SELECT id FROM threshold_work"
            "  WHERE CAST(:only AS int) IS NULL OR device_id = CAST(:only AS int)"
            "  ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)"
            " RETURNING device_id, measured_from"
        ),
        {"limit": limit, "only": only},
    )
    earliest: dict[int, datetime] = {}
    for device_id, measured_from in taken:
        earliest[device_id] = min(measured_from, earliest.get(device_id, measured_from))
    return earliest


def not_looked_at_since(session: Session, moment: datetime, *, limit: int) -> dict[int, datetime]:
    """Devices whose limits are not at rest and were not looked at since then; from where to begin anew."""
    statement = select(ThresholdState.device_id, ThresholdState.checkpoint_until)
    rows = session.execute(statement.where(ThresholdState.looked_at < moment).limit(limit))
    return {row[0]: row[1] for row in rows}


def states(session: Session, device_ids: Collection[int]) -> dict[int, ThresholdState]:
    """The states of these devices, read anew. The caller holds their machines."""
    rows = session.scalars(
        select(ThresholdState)
        .where(ThresholdState.device_id.in_(list(device_ids)))
        .execution_options(populate_existing=True)
    )
    return {row.device_id: row for row in rows}


Row = tuple[int, datetime, float | None, float | None, float | None, float | None, float | None, float | None]
"""device, measured_at, temperature_c, acceleration x, y, z as sent, power_percent, audio_level."""


def readings_after(session: Session, after: Mapping[int, datetime], *, limit: int) -> list[Row]:
    """Readings of each device later than its moment, by device and time, at most `limit` of each."""
    rows = session.execute(
        text(
            "SELECT d.id, r.*"
            " FROM unnest(CAST(:ids AS int[]), CAST(:times AS timestamptz[])) AS d (id, after),"
            " LATERAL (SELECT measured_at, temperature_c, vibration_x, vibration_y, vibration_z,"
            "  power_percent, audio_level FROM readings"
            "  WHERE device_id = d.id AND measured_at > d.after AND measured_at > :earliest"
            "  ORDER BY measured_at LIMIT :limit) AS r ORDER BY d.id, r.measured_at"
        ),
        {
            "ids": list(after),
            "times": list(after.values()),
            "earliest": min(after.values()),
            "limit": limit,
        },
    )
    return [tuple(row) for row in rows]


def excursions_from(
    session: Session, device_ids: Collection[int], moment: datetime
) -> dict[tuple[int, str], list[Excursion]]:
    """Excursions of these devices, by device and name, that are not over or were not at that moment."""
    rows = session.scalars(
        select(Excursion).where(
            Excursion.device_id.in_(list(device_ids)),
            or_(Excursion.ended_at.is_(None), Excursion.ended_at >= moment),
        )
    )
    found: dict[tuple[int, str], list[Excursion]] = {}
    for row in rows:
        found.setdefault((row.device_id, row.name), []).append(row)
    return found


def is_open_elsewhere(session: Session, machine_id: int, name: str, *, but: int) -> bool:
    """Whether another device of the machine is beyond the same limit."""
    return (
        session.scalar(
            select(Excursion.id)
            .join(Device, Device.id == Excursion.device_id)
            .where(
                Device.machine_id == machine_id,
                Excursion.device_id != but,
                Excursion.name == name,
                Excursion.ended_at.is_(None),
            )
            .limit(1)
        )
        is not None
    )


def open_alarms(
    session: Session, machine_ids: Collection[int], conditions: Collection[str]
) -> dict[tuple[int, str], datetime]:
    """(machine, condition) of each open alarm to when it was last borne out."""
    rows = session.execute(
        select(Alarm.machine_id, Alarm.condition, Alarm.last_seen_at).where(
            Alarm.machine_id.in_(list(machine_ids)),
            Alarm.condition.in_(list(conditions)),
            Alarm.state != "cleared",
        )
    )
    return {(row[0], row[1]): row[2] for row in rows}


def excursions(
    session: Session,
    *,
    shop_ids: frozenset[int] | None,
    device_id: int | None,
    since: datetime,
    limit: int,
) -> list[tuple[Excursion, str]]:
    """Excursions that began, or were not over, since a moment, of these shops (None: all), newest first."""
    statement = (
        select(Excursion, Device.device_id)
        .join(Device, Device.id == Excursion.device_id)
        .join(Machine, Machine.id == Device.machine_id)
        .where(or_(Excursion.since >= since, Excursion.ended_at.is_(None)))
        .order_by(Excursion.since.desc(), Excursion.id.desc())
        .limit(limit)
    )
    if shop_ids is not None:
        statement = statement.where(Machine.shop_id.in_(shop_ids))
    if device_id is not None:
        statement = statement.where(Excursion.device_id == device_id)
    return [(excursion, name) for excursion, name in session.execute(statement)]
