"""All SQL of the readers of events."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.realtime.models import OutboxCounter, OutboxEvent
from signalcraft.realtime.publish import Event


def last_event_id(session: Session) -> int:
    """The number of the newest event."""
    return session.scalar(select(OutboxCounter.last_event_id)) or 0


def oldest_event_id(session: Session) -> int | None:
    """The number of the oldest event that is still kept."""
    return session.scalar(select(func.min(OutboxEvent.id)))


def events_after(session: Session, event_id: int, limit: int) -> Sequence[Event]:
    """The next events in order."""
    rows = session.scalars(
        select(OutboxEvent).where(OutboxEvent.id > event_id).order_by(OutboxEvent.id).limit(limit)
    )
    return [Event(row.type, row.payload, row.shop_id, row.user_id, id=row.id) for row in rows]


def drop_events_older_than(session: Session, days: int) -> None:
    session.execute(delete(OutboxEvent).where(OutboxEvent.created_at < utc_now() - timedelta(days=days)))


def happened_to(session: Session, event_type: str, user_id: int, *, since: datetime) -> bool:
    """Whether there is an event of this type about this person since then."""
    statement = select(OutboxEvent.id).where(
        OutboxEvent.created_at >= since, OutboxEvent.type == event_type, OutboxEvent.user_id == user_id
    )
    return session.scalar(statement.limit(1)) is not None
