"""Telling people: a row first, then the live event that carries it."""

from sqlalchemy.orm import Session

from signalcraft.accounts.access import Principal
from signalcraft.clock import utc_now
from signalcraft.fleet.models import Machine
from signalcraft.notifications import queries
from signalcraft.notifications.models import Notification
from signalcraft.notifications.schemas import NotificationOut


def notify(
    session: Session,
    *,
    machine: Machine,
    alarm_id: int | None,
    notification_type: str,
    priority: str,
    text: dict[str, str],
) -> Notification:
    """Write a message to everybody who may see the machine's shop."""
    notification = Notification(
        shop_id=machine.shop_id,
        machine_id=machine.id,
        alarm_id=alarm_id,
        type=notification_type,
        priority=priority,
        text=text,
        created_at=utc_now(),
    )
    session.add(notification)
    return notification


def list_notifications(
    session: Session, principal: Principal, *, limit: int
) -> tuple[list[NotificationOut], int]:
    """The newest notifications this person may see, and how many there are in all."""
    rows = queries.newest(session, shop_ids=principal.shop_ids, limit=limit)
    return [NotificationOut.of(row) for row in rows], queries.count(session, shop_ids=principal.shop_ids)
