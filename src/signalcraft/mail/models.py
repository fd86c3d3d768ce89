"""The outbox of mail."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class OutgoingMail(Base):
    """A mail that waits, has gone, or could not be delivered."""

    __tablename__ = "outgoing_mails"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
        Index("ix_outgoing_mails_waiting", "claimable_at", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    recipient: Mapped[str]
    template: Mapped[str]
    language: Mapped[str]
    substitutions: Mapped[dict[str, Any] | None]
    """What the template is filled with, links with their secrets among it: emptied when the mail is gone."""
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    claimable_at: Mapped[datetime]
    """When it may be tried next; a worker that tries it moves this ahead."""
    finished_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why the last attempt failed."""
