"""Upkeep of the outbox."""

from celery import shared_task

from signalcraft.db.session import unit_of_work
from signalcraft.realtime import queries
from signalcraft.settings import get_settings


@shared_task(name="realtime.drop_old_events")  # type: ignore[untyped-decorator]
def drop_old_events() -> None:
    """Forget events that no client can want any more."""
    with unit_of_work() as session:
        queries.drop_events_older_than(session, get_settings().event_retention_days)
