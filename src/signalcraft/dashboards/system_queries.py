"""SQL of what the whole system has to do and has done, for who watches over it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from signalcraft.accounts.models import User
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.acoustics.queries import FINAL
from signalcraft.alarms.models import Alarm
from signalcraft.fleet.models import Device, Machine
from signalcraft.mail.models import OutgoingMail


def unfinished_analyses(session: Session) -> tuple[int, datetime | None]:
    """How many, and when the oldest one's clip was received."""
    statement = (
        select(func.count(), func.min(Clip.received_at))
        .select_from(Analysis)
        .join(Clip, Clip.id == Analysis.clip_id)
        .where(Analysis.state.not_in(FINAL))
    )
    count, oldest = session.execute(statement).one()
    return count, oldest


def open_alarms(session: Session) -> dict[str, int]:
    """How many by severity."""
    statement = select(Alarm.severity, func.count()).where(Alarm.state != "cleared").group_by(Alarm.severity)
    return {row[0]: row[1] for row in session.execute(statement)}


def waiting_mail(session: Session) -> tuple[int, datetime | None]:
    """How many, and since when the oldest one waits."""
    statement = select(func.count(), func.min(OutgoingMail.created_at)).where(OutgoingMail.state == "waiting")
    count, oldest = session.execute(statement).one()
    return count, oldest


def nodes_heard(session: Session, *, since: datetime) -> int:
    """How many devices of shops were heard since then; not the probe's."""
    statement = select(func.count()).select_from(Device).join(Machine, Machine.id == Device.machine_id)
    claimed = Machine.shop_id.is_not(None) & ~Machine.probe
    return session.scalar(statement.where(claimed, Device.last_seen_at > since)) or 0


@dataclass(frozen=True)
class DatabaseServer:
    """What the database's server says of itself; counts since its statistics began."""

    connections: int
    """Of everybody, of the most that it allows (`connections_limit`)."""
    connections_limit: int
    active: int
    waiting_for_locks: int
    oldest_transaction_s: float
    size_bytes: int
    commits: int
    rollbacks: int
    deadlocks: int


def database_server(session: Session) -> DatabaseServer:
    """As the application's role sees it."""
    statement = text(
        """
        SELECT count(*) AS connections,
               current_setting('max_connections')::int AS connections_limit,
               count(*) FILTER (WHERE state = 'active') AS active,
               count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_locks,
               coalesce(extract(epoch FROM max(now() - xact_start)), 0)::float AS oldest_transaction_s,
               pg_database_size(current_database()) AS size_bytes,
               (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits,
               (SELECT xact_rollback FROM pg_stat_database WHERE datname = current_database()) AS rollbacks,
               (SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()) AS deadlocks
        FROM pg_stat_activity WHERE backend_type = 'client backend'
        """
    )
    return DatabaseServer(**session.execute(statement).one()._mapping)


def verdicts(session: Session, *, since: datetime) -> dict[str, int]:
    """How many analyses finished since then, by verdict; but those that failed and the probe's."""
    theirs = select(User.id).where(User.probe)
    statement = (
        select(Analysis.verdict, func.count())
        .outerjoin(Machine, Machine.id == Analysis.machine_id)
        .where(Analysis.finished_at >= since, Analysis.verdict.is_not(None))
        .where(func.coalesce(Machine.probe, False).is_(False))
        .where(or_(Analysis.requested_by.is_(None), Analysis.requested_by.not_in(theirs)))
        .group_by(Analysis.verdict)
    )
    return {str(verdict): count for verdict, count in session.execute(statement)}


def newest_alarms(session: Session, *, limit: int) -> Sequence[Alarm]:
    """Of all machines, the newest first."""
    return session.scalars(select(Alarm).order_by(Alarm.raised_at.desc(), Alarm.id.desc()).limit(limit)).all()
