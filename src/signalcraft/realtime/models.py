"""The outbox: every live event as a numbered row."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class OutboxEvent(Base):
    """A durable event. `id` counts without gaps in the order of commits: see `realtime.publish`."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    type: Mapped[str]
    shop_id: Mapped[int | None]
    """Who may see it: people of this shop; administrators alone where it is empty."""
    user_id: Mapped[int | None]
    """… and this person, whose own upload it is about."""
    payload: Mapped[dict[str, Any]]


class OutboxCounter(Base):
    """The number of the newest event: one row, whose lock puts the writers' commits in order."""

    __tablename__ = "outbox_counter"
    __table_args__ = (CheckConstraint("id = 1", name="single_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_event_id: Mapped[int]
