"""All SQL of the alarms."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from signalcraft.accounts.models import User
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.fleet.models import Machine

AlarmRow = tuple[Alarm, Machine, str | None]
"""An alarm with its machine and the name of who acknowledged it."""

_GRAVITY = case({"critical": 3, "high": 2, "medium": 1}, value=Alarm.severity, else_=0)


def lock_open_alarm(session: Session, machine_id: int, conditions: Collection[str]) -> Alarm | None:
    """The earliest open alarm about one of these conditions, locked: whoever acknowledges it meanwhile has
    seen it as it was.
    """
    return session.scalar(
        select(Alarm)
        .where(
            Alarm.machine_id == machine_id, Alarm.condition.in_(list(conditions)), Alarm.state != "cleared"
        )
        .order_by(Alarm.id)
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def open_alarms_of(session: Session, machine_id: int) -> Sequence[Alarm]:
    return session.scalars(
        select(Alarm).where(Alarm.machine_id == machine_id, Alarm.state != "cleared").order_by(Alarm.id)
    ).all()


def last_transition_at(session: Session, machine_id: int, kinds: Collection[str]) -> datetime | None:
    """When one of these last happened to an alarm of the machine."""
    return session.scalar(
        select(func.max(AlarmTransition.at))
        .join(Alarm, Alarm.id == AlarmTransition.alarm_id)
        .where(Alarm.machine_id == machine_id, AlarmTransition.kind.in_(list(kinds)))
    )


def open_about(session: Session, condition: str) -> dict[int, datetime]:
    """Machine to when its open alarm about this condition was last borne out."""
    statement = select(Alarm.machine_id, Alarm.last_seen_at).where(
        Alarm.condition == condition, Alarm.state != "cleared"
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def lock_open_alarms_of(session: Session, machine_id: int) -> Sequence[Alarm]:
    """The machine's open alarms about its sound, locked."""
    return session.scalars(
        select(Alarm)
        .where(Alarm.machine_id == machine_id, Alarm.state != "cleared", Alarm.reading.is_(None))
        .order_by(Alarm.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def gravest_open(session: Session, machine_ids: Sequence[int]) -> Mapping[int, AlarmRow]:
    """The open alarm of each machine that most needs somebody."""
    rows = session.execute(
        select(Alarm, Machine, User.username)
        .join(Machine, Machine.id == Alarm.machine_id)
        .outerjoin(User, User.id == Alarm.acknowledged_by)
        .ext(distinct_on(Alarm.machine_id))
        .where(Alarm.machine_id.in_(machine_ids), Alarm.state != "cleared")
        .order_by(Alarm.machine_id, _GRAVITY.desc(), Alarm.raised_at)
    )
    return {alarm.machine_id: (alarm, machine, name) for alarm, machine, name in rows}


def alarms(
    session: Session,
    *,
    shop_ids: frozenset[int] | None,
    machine_id: int | None,
    only_open: bool,
    limit: int,
) -> Sequence[AlarmRow]:
    """Alarms of the shops (None: of all, and of what no shop has claimed), newest first."""
    statement = (
        select(Alarm, Machine, User.username)
        .join(Machine, Machine.id == Alarm.machine_id)
        .outerjoin(User, User.id == Alarm.acknowledged_by)
        .order_by(Alarm.raised_at.desc(), Alarm.id.desc())
        .limit(limit)
    )
    if shop_ids is not None:
        statement = statement.where(Machine.shop_id.in_(shop_ids))
    if machine_id is not None:
        statement = statement.where(Alarm.machine_id == machine_id)
    if only_open:
        statement = statement.where(Alarm.state != "cleared")
    return [(alarm, machine, name) for alarm, machine, name in session.execute(statement)]


def lock_alarm(session: Session, alarm_id: int) -> tuple[Alarm, Machine] | None:
    row = session.execute(
        select(Alarm, Machine)
        .join(Machine, Machine.id == Alarm.machine_id)
        .where(Alarm.id == alarm_id)
        .with_for_update(of=Alarm)
    ).one_or_none()
    return None if row is None else (row[0], row[1])
