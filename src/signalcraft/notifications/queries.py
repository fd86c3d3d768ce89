"""All SQL of the notifications."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.orm import Session

from signalcraft.notifications.models import Notification


def _visible(shop_ids: frozenset[int] | None) -> ColumnElement[bool]:
    return true() if shop_ids is None else Notification.shop_id.in_(shop_ids)


def newest(session: Session, *, shop_ids: frozenset[int] | None, limit: int) -> Sequence[Notification]:
    return session.scalars(
        select(Notification)
        .where(_visible(shop_ids))
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(limit)
    ).all()


def count(session: Session, *, shop_ids: frozenset[int] | None) -> int:
    return session.scalar(select(func.count()).select_from(Notification).where(_visible(shop_ids))) or 0
