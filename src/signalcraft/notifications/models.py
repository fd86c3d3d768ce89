"""The table of what people were told."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from signalcraft.db.base import Base


class Notification(Base):
    """A message to everybody who may see its shop (administrators alone where the machine has none)."""

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_shop_created", "shop_id", "created_at"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    machine_id: Mapped[int | None] = mapped_column(ForeignKey("machines.id"))
    alarm_id: Mapped[int | None] = mapped_column(ForeignKey("alarms.id"), index=True)
    type: Mapped[str]
    priority: Mapped[str]
    text: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
